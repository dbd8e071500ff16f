"""What a study declared before its runs, and how far an analysis keeps to it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dynconv.analysis_plan import Analysis
from dynconv.files import atomic

FILE = "plan.json"


@dataclass(frozen=True)
class Declaration:
    """The analysis plan of a study, and what it was declared for.

    `deviations` are the reasons why this analysis is not the one that was planned: then all of it is exploratory.
    """

    study: str
    study_hash: str
    plan: Analysis
    variants: tuple[str, ...]
    datasets: Mapping[str, tuple[str, ...]]  # of each task
    seeds: tuple[int, ...]
    deviations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def changed(self, settings: Mapping[str, Any]) -> "Declaration":
        """The same with a deviation for each of `settings` that is not as planned.

        A Bayesian part that was left out is a note: it decides nothing, and what was tested is what was planned.
        """
        planned = {**self.plan.model_dump(), "lower_is_better": False}  # metrics of studies are better when higher
        new = {
            name: f"{name} is {value!r} instead of {planned[name]!r}"
            for name, value in settings.items()
            if value != planned[name]
        }
        bayesian = "the Bayesian part is left out" if planned["posterior"] else "the Bayesian part is not in the plan"
        left_out = [bayesian] if "posterior" in new else []
        deviations = [text for name, text in new.items() if name != "posterior"]
        return replace(self, deviations=(*self.deviations, *deviations), notes=(*self.notes, *left_out))

    def against(self, frame: pd.DataFrame) -> "Declaration":
        """The same, having looked at a table (`dynconv.stats.table.load`): under which plan were its runs made, and has
        it datasets or seeds that were not declared?  (Variants of that kind get a family of their own.)
        """
        made_under: Mapping[str, Mapping[str, int]] = frame.attrs.get("made_under", {})
        deviations: list[str] = []
        notes: list[str] = []
        for column, now, into, what in (
            (
                "plan_hash",
                self.plan.plan_hash,
                deviations,
                "another analysis plan: it was changed after they were made",
            ),
            ("study_hash", self.study_hash, notes, "another form of the study"),
        ):
            counts = made_under.get(column, {})
            total = sum(counts.values())
            if other := total - counts.get(now, 0) - counts.get("", 0):
                into.append(f"{other} of {total} runs were made under {what}")
            if counts.get("") and column == "plan_hash":
                notes.append(f"{counts['']} of {total} runs do not say under which analysis plan they were made")
        if not made_under.get("plan_hash"):
            notes.append("the table does not say under which analysis plan its values were made")
        for task, rows in frame.groupby("task"):
            known = {"dataset": self.datasets.get(str(task), ()), "seed": self.seeds}
            for column, names in known.items():
                if more := sorted(set(rows[column]) - set(names)):
                    few = ", ".join(map(str, more[:3])) + (", ..." if len(more) > 3 else "")
                    deviations.append(f"task {task}: {len(more)} {column}s are not in the study: {few}")
        return replace(self, deviations=(*self.deviations, *deviations), notes=(*self.notes, *notes))


def write(
    folder: Path,
    plan: Analysis,
    declaration: Declaration | None,
    undeclared: Iterable[str],
    notes: Iterable[str] = (),
) -> Path:
    """Write `folder/plan.json`: what was followed, what was declared, and what deviates.

    Args:
        folder: where the tables of the comparison are.
        plan: as it was followed.
        declaration: of the study; None for a table without one.
        undeclared: variants that the table has and the study does not.
        notes: what else to know of the comparison.
    """
    if declaration is None:
        declared, deviations, known = None, ["no study: nothing was declared before the data were seen"], []
    else:
        d = declaration
        declared = {
            "study": d.study,
            "study_hash": d.study_hash,
            "plan_hash": d.plan.plan_hash,
            "plan": d.plan.model_dump(mode="json"),
            "variants": list(d.variants),
            "datasets": {task: list(names) for task, names in d.datasets.items()},
            "seeds": list(d.seeds),
        }
        deviations, known = list(d.deviations), list(d.notes)
    content = {
        "followed": not deviations,
        "deviations": deviations,
        "notes": [*known, *notes],
        "undeclared_variants": sorted(undeclared),
        "analysis": plan.model_dump(mode="json"),
        "analysis_hash": plan.plan_hash,
        "declared": declared,
    }
    with atomic(folder / FILE) as scratch:
        Path(scratch).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder / FILE
