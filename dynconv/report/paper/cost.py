"""What each variant costs: over a task's datasets, and dataset by dataset."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dynconv.report import cost, numbers, speed
from dynconv.report.figures.drawing import file_name
from dynconv.report.paper.table import Cell, Column, Names, Table
from dynconv.report.results import PATHS, Results

_MEASURED = ("train_s", "peak_memory_bytes")  # which depend on the hardware


@dataclass(frozen=True)
class _Kind:
    """A column of costs: its heading, how its numbers are written, and the table that has it."""

    heading: str
    form: Callable[[Any], str] = numbers.count
    profiled: bool = False


def _bytes(number: Any) -> str:
    return f"{numbers.count(number)}B" if numbers.known(number) else numbers.NONE


_KINDS = {
    "params": _Kind("Params"),
    "macs": _Kind("MACs"),
    "macs_theoretical": _Kind("MACs in theory"),
    "train_s": _Kind("Training", numbers.seconds),
    "peak_memory_bytes": _Kind("Memory", _bytes),
    "latency_p50_s": _Kind("Latency", numbers.seconds, True),
    "samples_per_s": _Kind("Inference/s", numbers.rate, True),
    "train_samples_per_s": _Kind("Training/s", numbers.rate, True),
    "train_memory_bytes": _Kind("Step memory", _bytes, True),
}
_RATIO_OF = {column: (name, rate) for name, column, rate in speed.RATIOS}


def tables(results: Results) -> Iterator[Table]:
    """For every task with runs or profiles: a row a variant, and over several datasets also a row each of them."""
    for task in results.tasks:
        rows = by_dataset(results, task)
        if rows.empty:
            continue
        yield _summary(results, task, rows, profiled=False)
        if rows["latency_p50_s"].notna().any():
            yield _summary(results, task, rows, profiled=True)
        if rows["dataset"].nunique() > 1:
            yield _each(results, task, rows)


def by_dataset(results: Results, task: str) -> pd.DataFrame:
    """A row a dataset and variant: costs, and each over the control's (`_ratio`; NaN where they may not be compared).

    Times and memory are means over the runs that ended well on one hardware; of several, a dataset has a row each.
    """
    keys = ["dataset", "variant"]
    runs = results.ok[results.ok["task"] == task]
    hardware = [*keys, *cost.HARDWARE]
    measured = runs.groupby(hardware, dropna=False)[list(_MEASURED)].mean().reset_index()
    table = cost.counts(results, task).reset_index().merge(measured, on=keys, how="left")
    on = ["dataset", *cost.HARDWARE]
    control = table[table["variant"] == results.control]
    counts = control.drop_duplicates("dataset").set_index("dataset")
    for column in cost.COUNTS:
        table[f"{column}_ratio"] = table[column] / table["dataset"].map(counts[column])
    base = control[[*on, *_MEASURED]].drop_duplicates(on)
    both = table[on].merge(base, on=on, how="left")
    for column in _MEASURED:
        table[f"{column}_ratio"] = table[column].astype(float).to_numpy() / both[column].astype(float).to_numpy()
    profile = speed.ratios(results, task)
    for column, (name, _) in _RATIO_OF.items():
        profile[f"{column}_ratio"] = profile[name]
    profiled = [name for name, kind in _KINDS.items() if kind.profiled]
    steps = profile[[*keys, *profiled, *(f"{column}_ratio" for column in profiled)]]
    table = table.merge(steps, on=keys, how="left")
    order = {(d, v): (i, j) for i, d in enumerate(results.datasets(task)) for j, v in enumerate(results.variants)}
    place = [order[key] for key in zip(table["dataset"], table["variant"], strict=True)]
    return table.iloc[sorted(range(len(place)), key=place.__getitem__)].reset_index(drop=True)


def _summary(results: Results, task: str, rows: pd.DataFrame, *, profiled: bool) -> Table:
    one = rows["dataset"].nunique() == 1
    alone = rows.dropna(subset=["train_s"])[list(cost.HARDWARE)].drop_duplicates().shape[0] <= 1
    if profiled:
        alone = len(speed.hardware(results, task)) <= 1
    there = set(rows["variant"])
    variants = [v for v in results.variants if v in there]
    short = Names(variants, 18)
    kinds = [name for name, kind in _KINDS.items() if kind.profiled == profiled]
    data = pd.DataFrame(
        [
            {"task": task, "variant": v, "n_datasets": own["dataset"].nunique()}
            | {name: _mean(own, name) if name in cost.COUNTS or alone else np.nan for name in kinds}
            | {f"{name}_ratio": _mean(own, f"{name}_ratio") for name in kinds}
            for v in variants
            for own in [rows[rows["variant"] == v]]
        ]
    )
    shown, compared = _known(data, kinds)
    name = file_name("speed" if profiled else "cost", task)
    what = "Speed of each variant, as profiled" if profiled else "Cost of each variant"
    return Table(
        name=name,
        caption=f"{what}{'' if one else ', geometric means over datasets'} ({numbers.task_title(task).lower()}).",
        columns=(Column("Variant", numeric=False), *_columns(kinds, shown, compared)),
        rows=[[Cell(short[row["variant"]]), *_costs(row, kinds, shown, compared)] for row in data.to_dict("records")],
        data={name: data},
        sources=(PATHS["profile"],) if profiled else (PATHS["runs"], PATHS["profile"]),
        notes=tuple(_notes(results, task, alone, profiled=profiled)),
        full=short.full,
    )


def _known(data: pd.DataFrame, kinds: list[str]) -> tuple[list[str], list[str]]:
    """The costs that are known of some row, and those that can be compared; MACs in theory only where they differ."""
    if data["macs_theoretical"].equals(data["macs"]) if "macs_theoretical" in data else False:
        kinds = [name for name in kinds if name != "macs_theoretical"]
    shown = [name for name in kinds if data[name].notna().any()]
    return shown, [name for name in kinds if data[f"{name}_ratio"].notna().any()]


def _columns(kinds: list[str], shown: list[str], compared: list[str]) -> list[Column]:
    columns = []
    for name in kinds:
        heading = _KINDS[name].heading
        if name in shown:
            columns.append(Column(heading))
        if name in compared:
            columns.append(Column(numbers.TIMES if name in shown else f"{heading} {numbers.TIMES}"))
    return columns


def _each(results: Results, task: str, rows: pd.DataFrame) -> Table:
    names, short = Names([*rows["dataset"].unique()]), Names([*rows["variant"].unique()], 18)
    kinds = [name for name, kind in _KINDS.items() if not kind.profiled]
    shown, compared = _known(rows, kinds)
    compared = [name for name in compared if name in ("macs", "train_s")]
    columns = [Column("Dataset", numeric=False), Column("Variant", numeric=False), *_columns(kinds, shown, compared)]
    twice = rows.duplicated(["dataset", "variant"]).any()
    several = ["Where hardware differs a variant has several rows; the CSV file says which is of what."] * bool(twice)
    lines: list[list[Cell]] = []
    breaks: set[int] = set()
    last = None
    for row in rows.to_dict("records"):
        if row["dataset"] != last:
            breaks.add(len(lines))
        name = Cell(names[row["dataset"]] if row["dataset"] != last else "")
        last = row["dataset"]
        lines.append([name, Cell(short[row["variant"]]), *_costs(row, kinds, shown, compared)])
    return Table(
        name=file_name("cost-by-dataset", task),
        caption=f"Cost of each variant on each dataset ({numbers.task_title(task).lower()}).",
        columns=tuple(columns),
        rows=lines,
        data={file_name("cost-by-dataset", task): rows.assign(task=task)},
        sources=(PATHS["runs"], PATHS["profile"]),
        notes=(*_notes(results, task, True, profiled=False), *several),
        breaks=frozenset(breaks),
        keep=2,
        full=names.full | short.full,
    )


def _costs(row: dict[Any, Any], names: list[str], shown: list[str], compared: list[str]) -> list[Cell]:
    cells = []
    for name in names:
        if name in shown:
            cells.append(Cell(_KINDS[name].form(row[name])))
        if name in compared:
            cells.append(Cell(numbers.ratio(row[f"{name}_ratio"])))
    return cells


def _notes(results: Results, task: str, alone: bool, *, profiled: bool) -> list[str]:
    control, hardware = results.control or "the control", "; ".join(speed.hardware(results, task))
    if profiled:
        notes = [
            f"Latency: median time of a forward pass at batch 1. Examples a second, in inference and in training, and"
            f" the memory of a training step: as docs/profile.md says. {numbers.TIMES}: time or memory over that of"
            f" {control} on the same dataset and hardware, to two decimals; other numbers to three significant digits."
            f" Measured on {hardware}."
        ]
    else:
        notes = [
            f"{numbers.TIMES}: over {control} on the same dataset (and, of times and memory, the same hardware,"
            " strategy, number of processes and precision), to two decimals; other numbers to three significant digits."
            " MACs: multiply-adds of one example\u2019s forward pass as executed, and as the method needs in theory."
            " Training: wall-clock time of a run. Memory: most allocated, on a CPU the resident set of a process."
        ]
    return notes if alone else [*notes, "The hardware differs: of times and memory only ratios are given."]


def _mean(rows: pd.DataFrame, column: str) -> float:
    """The geometric mean over datasets of what is known and positive."""
    return float(np.exp(np.log(cost.by_dataset(rows[column], rows["dataset"])).mean()))
