"""Means by dataset and variant, with the mean rank."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dynconv.report import numbers
from dynconv.report.coverage import coverage, failed_rule
from dynconv.report.figures.drawing import file_name
from dynconv.report.paper.pairs import against_control
from dynconv.report.paper.table import BETTER, MARKS, WORSE, Cell, Column, Names, Table, capital, digits, rows_of
from dynconv.report.results import PATHS, Results


def tables(results: Results) -> Iterator[Table]:
    """A table for every task that has means."""
    for task in results.tasks:
        if len(means := results.means[results.means["task"] == task]):
            yield _table(results, task, means)


def _table(results: Results, task: str, means: pd.DataFrame) -> Table:
    metric = results.metric(task)
    present = set(means["variant"])
    variants = [v for v in results.variants if v in present]
    there = set(means["dataset"])
    datasets = [d for d in results.datasets(task) if d in there]
    cells = {(row["dataset"], row["variant"]): row for row in means.to_dict("records")}
    short, columns = Names(datasets), Names(variants, 16)
    decided = against_control(results, task)
    marks = _marks(results, task) if len(datasets) > 1 else {}
    seeds = int(means["n_seeds"].max())
    rows = []
    for dataset in datasets:
        found = [cells.get((dataset, v)) for v in variants]
        best = _best([row["mean"] if row else None for row in found], metric)
        rows.append(
            [
                Cell(short[dataset]),
                *(
                    Cell(_text(row, metric, seeds), place in best, marks.get((dataset, v), ""))
                    for place, (row, v) in enumerate(zip(found, variants, strict=True))
                ),
            ]
        )
    summary, ranked, averaged = _summary(results, task, variants, metric)
    notes = [
        f"{digits(metric)} Means over seeds \u00b1 standard deviation (n \u2212 1)"
        f"{'' if means['sd'].notna().any() else ', which one seed does not have'}; bold: the best of the row,"
        " which claims no significance; a dash: no run with a value.",
        _what_marks_mean(results, task, bool(marks)),
        _complete(results, task, seeds, bool((means["n_seeds"] < seeds).any())),
    ]
    if rule := failed_rule(results, task):
        notes.append(rule)
    if ranked:
        notes.append(_rests_on(ranked, averaged))
    data = means.assign(mark=[marks.get(key, "") for key in zip(means["dataset"], means["variant"], strict=True)])
    ranks = results.ranks[results.ranks["task"] == task]
    return Table(
        name=file_name("means", task),
        caption=f"{capital(numbers.label(metric))} by dataset and variant"
        f" ({numbers.task_title(task).lower()}; test split).",
        columns=(
            Column("Dataset", numeric=False),
            *(Column(columns[v], mark=MARKS.get(decided.get(v, {}).get("verdict", ""), "")) for v in variants),
        ),
        rows=rows + summary,
        data={
            file_name("means", task): data,
            **({file_name("ranks", task): ranks} if ranked else {}),
            **(
                {file_name("aggregates", task): rows_of(results, "aggregates").query("task == @task")} if ranked else {}
            ),
        },
        sources=tuple(PATHS[name] for name in ("means", "ranks", "aggregates", "pairwise", "seeds")),
        notes=tuple(notes),
        breaks=frozenset({len(rows)}) if summary else frozenset(),
        full=short.full | columns.full,
    )


def _text(row: dict[Any, Any] | None, metric: str, seeds: int) -> str:
    if row is None or not numbers.known(row["mean"]):
        return numbers.NONE
    text = numbers.value(row["mean"], metric)
    if numbers.known(row["sd"]):
        text += f" \u00b1 {numbers.value(row['sd'], metric)}"
    return text + (f" ({int(row['n_seeds'])})" if row["n_seeds"] < seeds else "")


def _best(values: list[Any], metric: str, *, low: bool = False) -> set[int]:
    """Places of the best ones, ties included; where all are equal none is."""
    known = [value for value in values if numbers.known(value)]
    if len({*known}) < 2:
        return set()
    top = min(known) if low or numbers.lower_is_better(metric) else max(known)
    return {place for place, value in enumerate(values) if value == top}


def _summary(results: Results, task: str, variants: list[str], metric: str) -> tuple[list[list[Cell]], int, int]:
    """The rows below the datasets, and the numbers of datasets that the ranks and the means in them rest on."""
    ranks = results.ranks[results.ranks["task"] == task].set_index("variant")
    n = int(ranks["n_datasets"].max()) if len(ranks) else 0
    if n < 2:
        return [], 0, 0
    aggregates = rows_of(results, "aggregates").query("task == @task and statistic == 'mean'").set_index("variant")
    found = []
    for name, column, low, form in (
        ("Mean", aggregates["value"], False, lambda number: numbers.value(number, metric)),
        ("Mean rank", ranks["mean_rank"], True, lambda number: f"{number:.2f}" if numbers.known(number) else "\u2013"),
    ):
        values = [column.get(v) for v in variants]
        best = _best(values, metric, low=low)
        if any(map(numbers.known, values)):
            found.append([Cell(name), *(Cell(form(value), place in best) for place, value in enumerate(values))])
    return found, n, int(aggregates["n_datasets"].max()) if len(aggregates) else 0


def _rests_on(ranked: int, averaged: int) -> str:
    """Ranks count failed runs as the plan has it, means do not: then they need not rest on the same datasets."""
    if averaged in (0, ranked):
        return f"Mean and mean rank (1 = best) over the {ranked} datasets on which every variant has a value."
    return (
        f"Mean over the {averaged} datasets on which every variant has a run that ended well; mean rank (1 = best) over"
        f" the {ranked} that are compared for every variant."
    )


def _marks(results: Results, task: str) -> dict[tuple[str, str], str]:
    """What the seeds of each dataset alone say of each variant against the control, where it is significant."""
    alpha = results.plan.get("analysis", {}).get("alpha")
    rows = rows_of(results, "seeds")
    rows = rows[
        (rows["task"] == task) & ((rows["variant_a"] == results.control) | (rows["variant_b"] == results.control))
    ]
    if alpha is None or rows.empty:
        return {}
    found = {}
    for row in rows[rows["p_holm"] < alpha].to_dict("records"):
        turned = row["variant_a"] == results.control
        better = (row["mean_diff"] > 0) != turned
        found[row["dataset"], row["variant_b"] if turned else row["variant_a"]] = BETTER if better else WORSE
    return found


def _what_marks_mean(results: Results, task: str, by_dataset: bool) -> str:
    if not against_control(results, task):
        return "Nothing was compared with a control: there are no marks of significance."
    over = "datasets" if len(results.datasets(task)) > 1 else "one dataset, over its seeds"
    text = (
        f"Beside a variant\u2019s name: {BETTER} significantly better than {results.control} on the task\u2019s"
        f" {over}, {WORSE} significantly worse, {MARKS['equivalent']} practically equivalent, none: inconclusive."
    )
    if by_dataset:
        text += " Beside a mean: the same over the seeds of this dataset alone, adjusted within the dataset."
    return text


def _complete(results: Results, task: str, seeds: int, fewer: bool) -> str:
    runs = coverage(results, task=task)
    text = f"{seeds} seed{'' if seeds == 1 else 's'} a mean" + (", or as many as stand in parentheses" if fewer else "")
    of = "" if runs.expected is None else f" of {runs.expected}"
    lost = f", {runs.failed} failed" + (f", {runs.missing} missing" if runs.missing else "")
    return f"{text}; {runs.ok}{of} runs ended well{lost}."
