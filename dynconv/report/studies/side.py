"""The studies that stand side by side, each with a letter that names it on the page."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynconv.errors import DynconvError
from dynconv.report.coverage import Coverage, coverage
from dynconv.report.results import PATHS, Results, load
from dynconv.report.verdicts import Verdict, verdicts
from dynconv.study import TASKS


@dataclass(frozen=True)
class Side:
    """One of the studies: `label` is A, B, ... in the order of the command; A is what the others are held against."""

    label: str
    results: Results
    verdicts: dict[tuple[str, str], Verdict]  # by task and variant

    @property
    def folder(self) -> str:
        """As it was given."""
        return str(self.results.folder)

    def source(self, *tables: str) -> str:
        """Where the page says that numbers come from: `A/stats/pairwise.parquet`, several with a blank between."""
        return " ".join(f"{self.label}/{PATHS[table]}" for table in tables)

    @property
    def cover(self) -> Coverage:
        """How complete it is."""
        return coverage(self.results)

    @property
    def compared(self) -> bool:
        """Whether this study has a comparison of its own."""
        return "pairwise" in self.results.rows


def sides(folders: Sequence[Path]) -> list[Side]:
    """Read the results folders.

    Raises:
        DynconvError: fewer than two or more folders than letters, or one of them cannot be read.
    """
    letters = string.ascii_uppercase
    if not 2 <= len(folders) <= len(letters):
        raise DynconvError(f"{len(folders)} results folders side by side; valid: 2 to {len(letters)}")
    found = []
    for label, folder in zip(letters, folders, strict=False):
        results = load(folder)
        found.append(Side(label, results, {(v.task, v.variant): v for v in verdicts(results)}))
    return found


def tasks(found: Sequence[Side]) -> list[str]:
    """Every task of any study, in the order of `study.TASKS`."""
    names = {task for side in found for task in side.results.tasks}
    return sorted(names, key=lambda task: (TASKS.index(task) if task in TASKS else len(TASKS), task))


def variants(found: Sequence[Side]) -> list[str]:
    """Every variant of any study: A's order, then what the others add in theirs."""
    return list(dict.fromkeys(variant for side in found for variant in side.results.variants))
