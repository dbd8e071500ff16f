"""Every variant's mean on every dataset, and how it differs from the control's."""

from collections.abc import Mapping
from dataclasses import dataclass

from dynconv.report import numbers
from dynconv.report.coverage import failed_rule
from dynconv.report.figures import differences
from dynconv.report.figures.drawing import Drawing, file_name
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section:
    """The table of means, and the figure of differences."""
    ranks = results.ranks[results.ranks["task"] == task]
    context = {
        "task": task,
        "metric": results.metric(task),
        "variants": results.present(task),
        "datasets": results.datasets(task),
        "cells": cells(results, task),
        "ranks": {row["variant"]: row for row in ranks.to_dict("records")},
        "failed_rule": failed_rule(results, task),
        "figures": [d for d in [drawings.get(file_name(differences.NAME, task))] if d],
    }
    return Section(anchor, "Means", "means.html.j2", context)


@dataclass(frozen=True)
class Cell:
    """The mean of one variant on one dataset; `best`: no other of the row is better (which claims no significance)."""

    mean: float
    half_low: float | None
    half_high: float | None
    n_seeds: int
    n_failed: int
    best: bool


def cells(results: Results, task: str) -> dict[tuple[str, str], Cell]:
    """By dataset and variant."""
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
        for row, top in zip(means.to_dict("records"), best, strict=True)
    }
