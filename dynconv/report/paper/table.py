"""What a table of the paper is, before it is LaTeX or CSV."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from dynconv import records
from dynconv.report import numbers
from dynconv.report.results import PATHS, Results

NAME = 28  # characters of a name in a table; what is cut is told in full in its notes
BETTER, WORSE, SAME = "+", "\u2212", "\u2248"
EXPLORATORY = "All of this is exploratory: it was not declared before the data were seen, or not as it was done."
MARKS = {"superior": BETTER, "inferior": WORSE, "equivalent": SAME}


@dataclass(frozen=True)
class Cell:
    """Plain text as it is to be read (true minus signs, a dash for what is missing), perhaps bold, or marked."""

    text: str
    bold: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Column:
    """A column's heading; numbers are aligned to the right, and long prose is broken into lines."""

    heading: str
    numeric: bool = True
    mark: str = ""
    prose: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of its LaTeX file, without suffix.
        caption: what it shows; never longer than three sentences.
        columns: as many as each row has cells.
        rows: formatted; the only place where its numbers are rounded.
        data: unrounded and tidy, by the names of CSV files: everything that the rows show.
        sources: the Parquet files it is made of, relative to the results folder.
        notes: one sentence or more each, below the table.
        breaks: rows before which a rule is drawn.
        groups: rows before which a rule and a line of its own stand: what the rows below have in common.
        keep: columns, from the left, that every part of a table too wide for a page repeats.
        full: the names in it that were cut, with what they stand for.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    data: Mapping[str, pd.DataFrame]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()
    breaks: frozenset[int] = frozenset()
    groups: Mapping[int, str] = field(default_factory=dict)
    keep: int = 1
    full: Mapping[str, str] = field(default_factory=dict)


class Names:
    """Names short enough for a table, and different wherever the names are; `full` has those that were cut."""

    def __init__(self, names: list[str], length: int = NAME) -> None:
        self._short: dict[str, str] = {}
        for name in names:
            short, turn = numbers.shorten(name, length), 1
            while short in self._short.values():
                turn += 1
                short = f"{numbers.shorten(name, length - 3)}~{turn}"
            self._short[name] = short

    def __getitem__(self, name: str) -> str:
        return self._short[name]

    @property
    def full(self) -> dict[str, str]:
        """What the cut names stand for."""
        return {short: name for name, short in self._short.items() if short != name}


def rows_of(results: Results, name: str) -> pd.DataFrame:
    """A table of the folder, empty if it is not there, whether or not the report has read it already."""
    held = getattr(results, name, None)
    if isinstance(held, pd.DataFrame):
        return held
    if name in results.rows:
        return records.read(name, results.folder / PATHS[name]).to_pandas()
    return records.TABLES[name].schema.empty_table().to_pandas()


def verdict(word: str | None, exploratory: bool, all_exploratory: bool) -> Cell:
    """A verdict, which says that it is exploratory unless all of the table is (then a note does: `EXPLORATORY`)."""
    return Cell(f"{word or numbers.NONE}{', exploratory' if exploratory and not all_exploratory else ''}")


def digits(metric: str) -> str:
    """How the values of a metric are rounded, one sentence."""
    if metric in numbers.FRACTIONS:
        return f"{capital(numbers.label(metric))} in per cent and differences in percentage points, to one decimal."
    return f"Values of {numbers.label(metric)} and differences to three significant digits."


def level(results: Results) -> str:
    """`95 % interval` where the plan says of what level, else `interval`."""
    alpha = results.plan.get("analysis", {}).get("alpha")
    return f"{100 * (1 - alpha):g} % interval" if alpha else "interval"


def capital(text: str) -> str:
    """The text as the start of a sentence, unless it has capitals of its own (mIoU)."""
    return text[:1].upper() + text[1:] if text.islower() else text
