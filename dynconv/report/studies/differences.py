"""What the studies were made of, side by side, and what a reader must beware of when holding one against another."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dynconv.report import numbers, provenance
from dynconv.report.studies.changes import Task
from dynconv.report.studies.side import Side

_SHOWN = 5  # of a list that is told in words
_CELL = 12  # values of a cell that are named


@dataclass(frozen=True)
class Fact:
    """One thing, and what each study says of it; `differs`: not all say the same."""

    label: str
    column: str  # of the table `runs`, for the trace
    values: list[list[str]]  # of each study
    differs: bool


def facts(found: Sequence[Side]) -> list[Fact]:
    """Hardware, versions, commits, plans, and what was run: first what differs."""
    rows = [_fact(label, column, found) for column, label in provenance.COLUMNS.items()]
    rows += [_fact(label, column, found) for column, label in (("dataset", "Datasets"), ("variant", "Variants"))]
    rows += [_fact("Seeds", "seed", found)]
    rows += [_of_pairs(found, "dataset_hash", ["dataset"], "Data")]
    rows += [_of_pairs(found, "run_hash", ["variant", "dataset"], "Recipe and options")]
    return sorted((row for row in rows if any(row.values)), key=lambda row: not row.differs)


def warnings(found: Sequence[Side], changes: Sequence[Task]) -> list[str]:
    """Loud ones, one sentence each."""
    told = []
    a, *others = found
    for side in found:
        if not side.compared:
            told.append(
                f"{side.label} has not been compared (no stats/pairwise.parquet): it has means and costs, no verdicts."
            )
    for b in others:
        pair = f"{a.label} and {b.label}"
        if a.results.folder.resolve() == b.results.folder.resolve():
            told.append(f"{pair} are the same folder.")
        devices = [_values(side.results.ok["device"]) for side in (a, b)]
        if devices[0] and devices[1] and devices[0] != devices[1]:
            told.append(
                f"{pair} ran on different hardware ({_some(devices[0])}; {_some(devices[1])}): training times are"
                " compared only between runs on the same device, with the same strategy, number of processes and"
                " precision, and the same seed need not give the same bits."
            )
        own = [task for task in changes if task.b is b]
        if left_out := sorted({dataset for task in own for dataset in task.left_out}):
            told.append(
                f"{pair} hold different data of {_some(left_out)}: a metric there is not of the same task. These"
                " datasets are left out of every change."
            )
        for task in own:
            if task.task in a.results.tasks and task.task in b.results.tasks and task.reason:
                told.append(f"{pair}, {task.task}: no change is computed, since {task.reason}.")
        if recipes := _other(a, b, "run_hash", ["variant", "dataset"]):
            told.append(
                f"Recipe or options of {_some(recipes)} differ between {pair}: their change is that of the code and of"
                " the recipe together."
            )
        for column, what in (("plan_hash", "analysis plans"), ("study_hash", "study files")):
            hashes = [_values(side.results.runs[column]) for side in (a, b)]
            if hashes[0] and hashes[1] and hashes[0] != hashes[1]:
                told.append(f"The runs of {pair} were made under different {what}.")
        controls = {side.results.control for side in (a, b)}
        if len(controls) > 1:
            names = " and ".join(f"{side.label}: {side.results.control or 'unknown'}" for side in (a, b))
            told.append(f"{pair} have different controls ({names}): their verdicts speak of different comparisons.")
    if dirty := [side.label for side in found if side.results.runs["git_dirty"].fillna(False).astype(bool).any()]:
        told.append(
            f"Some runs of {numbers.listing(dirty)} were trained with uncommitted changes: their commit does not fully"
            " identify the code."
        )
    return told


def _fact(label: str, column: str, found: Sequence[Side]) -> Fact:
    values = [sorted(_values(side.results.runs[column]), key=_natural) for side in found]
    return Fact(label, column, [_cut(own) for own in values], any(own != values[0] for own in values))


def _of_pairs(found: Sequence[Side], column: str, keys: list[str], label: str) -> Fact:
    """Of hashes by dataset, or by dataset and variant: those that differ from A's, in words."""
    a, *others = found
    values, differs = [[f"{len(_by(a, column, keys))} hashes"]], False
    for side in others:
        other = _other(a, side, column, keys)
        shared = len(_by(a, column, keys).keys() & _by(side, column, keys).keys())
        differs = differs or bool(other)
        same = f"the same as {a.label}'s for {shared - len(other)} of {shared} that both have"
        values.append([same] + [f"differs: {name}" for name in _cut(other)])
    return Fact(label, column, values, differs)


def _other(a: Side, b: Side, column: str, keys: list[str]) -> list[str]:
    """What both have, with other hashes."""
    one, other = _by(a, column, keys), _by(b, column, keys)
    return [name for name in one if name in other and one[name] != other[name]]


def _by(side: Side, column: str, keys: list[str]) -> dict[str, frozenset[str]]:
    """The hashes of each dataset, or variant on a dataset."""
    rows = side.results.runs[side.results.runs[column].notna()]
    return {" on ".join(names): frozenset(of[column]) for names, of in rows.groupby(keys)}


def _values(column: pd.Series) -> set[str]:
    return {str(value) for value in column.map(provenance.text)} - {""}


def _cut(values: list[str]) -> list[str]:
    return values[:_CELL] + ([f"and {len(values) - _CELL} more"] if len(values) > _CELL else [])


def _some(names: Sequence[str] | set[str]) -> str:
    names = sorted(names)
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return numbers.listing([*names[:_SHOWN], *more])


def _natural(value: str) -> tuple[int, str]:
    return (int(value), "") if value.isdigit() else (0, value)
