"""One section a task: means, pairwise matrix, cost, learning curves, executed fractions, samples of the data."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from dynconv.report import cost, numbers, samples, speed
from dynconv.report.figures import (
    accuracy_cost,
    critical_difference,
    differences,
    learning_curves,
    pareto,
    performance_profile,
    posterior,
)
from dynconv.report.figures.drawing import Drawing, file_name
from dynconv.report.results import Results
from dynconv.report.sections.section import Section, task_title

# A page with the curves or samples of a whole archive would be too heavy to open; the others are linked.
INLINE_CURVES = 12
INLINE_SHEETS = 12


def anchor(task: str) -> str:
    """The anchor of a task's section."""
    return f"task-{re.sub(r'[^A-Za-z0-9]+', '-', task)}"


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """A section for every task that some table mentions."""
    for task in results.tasks:
        datasets = results.datasets(task)
        pages = (f"{file_name(learning_curves.NAME, task)}-{number}" for number in count(1))
        curves = [drawings[name] for name in takewhile(drawings.__contains__, pages)]
        others = (critical_difference, posterior, performance_profile, differences, pareto)
        more = [drawings[name] for m in others if (name := file_name(m.NAME, task)) in drawings]
        sheets = samples.sheets(results.folder, datasets)
        of_task = {row["variant"]: row for _, row in results.ranks[results.ranks["task"] == task].iterrows()}
        present = [v for v in results.variants if v in _present(results, task)]
        context = {
            "task": task,
            "metric": results.metric(task),
            "variants": present,
            "datasets": datasets,
            "cells": _cells(results, task),
            "ranks": of_task,
            "omnibus": results.omnibus[results.omnibus["task"] == task].to_dict("records"),
            "pairs": pairs(results, task),
            "control": results.control,
            "accuracy_cost": drawings.get(file_name(accuracy_cost.NAME, task)),
            "accuracy_time": drawings.get(file_name(accuracy_cost.TIME, task)),
            "more": more,
            "curves": curves[:INLINE_CURVES],
            "linked": curves[INLINE_CURVES:],
            "sheets": [samples.read(*sheet) for sheet in [*sheets.items()][:INLINE_SHEETS]],
            "linked_sheets": [*sheets][INLINE_SHEETS:],
            "costs": _costs(results, task),
            "speeds": speed.rows(results, task),
            "hardware": speed.hardware(results, task),
            "executed": _executed(results, task),
        }
        yield Section(anchor(task), task_title(task), "task.html.j2", context)


@dataclass(frozen=True)
class Cell:
    """The mean of one variant on one dataset; `best`: no other of the row is better (which claims no significance)."""

    mean: float
    half_low: float | None
    half_high: float | None
    n_seeds: int
    n_failed: int
    best: bool


def _cells(results: Results, task: str) -> dict[tuple[str, str], Cell]:
    means = results.means[results.means["task"] == task]
    flip = -1 if numbers.lower_is_better(results.metric(task)) else 1
    best = (flip * means["mean"]).groupby(means["dataset"]).transform("max")
    return {
        (row["dataset"], row["variant"]): Cell(
            row["mean"],
            row["ci_low"],
            row["ci_high"],
            int(row["n_seeds"]),
            int(row["n_failed"]),
            flip * row["mean"] == top,
        )
        for (_, row), top in zip(means.iterrows(), best, strict=True)
    }


def pairs(results: Results, task: str) -> dict[tuple[str, str], dict[Any, Any]]:
    """The pairwise rows of a task by (row variant, column variant), each also mirrored with its signs turned."""
    found: dict[tuple[str, str], dict[Any, Any]] = {}
    for row in results.pairwise[results.pairwise["task"] == task].to_dict("records"):
        found[row["variant_a"], row["variant_b"]] = row
        found[row["variant_b"], row["variant_a"]] = {
            **row,
            "mean_diff": -row["mean_diff"],
            "rank_biserial": -row["rank_biserial"],
            "wins": row["losses"],
            "losses": row["wins"],
        }
    return found


def _costs(results: Results, task: str) -> list[dict[Any, Any]]:
    """What the networks cost, one row a (dataset, variant) in the report's order."""
    keys = ["dataset", "variant"]
    measured = results.ok[results.ok["task"] == task].groupby(keys)[["train_s", "peak_memory_bytes"]].mean()
    table = cost.counts(results, task).join(measured).reset_index()
    rows = {(row["dataset"], row["variant"]): row for row in table.to_dict("records")}
    order = [(dataset, variant) for dataset in results.datasets(task) for variant in results.variants]
    return [rows[key] for key in order if key in rows]


def _executed(results: Results, task: str) -> list[dict[Any, Any]]:
    """Executed fractions of the variants that skip work: mean, least and greatest over seeds."""
    ok = results.ok[(results.ok["task"] == task) & results.ok["executed_fraction"].notna()]
    grouped = ok.groupby(["dataset", "variant"])["executed_fraction"].agg(["mean", "min", "max", "count"])
    return grouped.reset_index().to_dict("records")


def _present(results: Results, task: str) -> set[str]:
    frames = (results.runs, results.means, results.profile)
    return {variant for frame in frames for variant in frame.loc[frame["task"] == task, "variant"]}
