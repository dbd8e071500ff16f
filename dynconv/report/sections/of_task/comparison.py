"""Every pair of variants: the matrix, who cannot be told apart, what the posterior says."""

from collections.abc import Mapping
from typing import Any

from dynconv.report import numbers
from dynconv.report.figures import critical_difference, performance_profile, posterior
from dynconv.report.figures.drawing import Drawing, file_name
from dynconv.report.results import Results
from dynconv.report.sections.section import Section

FIGURES = (critical_difference, posterior, performance_profile)


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section:
    """The matrix, the tests of all variants together, and the figures."""
    context = {
        "task": task,
        "metric": results.metric(task),
        "lower": numbers.lower_is_better(results.metric(task)),
        "variants": results.present(task),
        "omnibus": results.omnibus[results.omnibus["task"] == task].to_dict("records"),
        "pairs": pairs(results, task),
        "figures": [d for kind in FIGURES if (d := drawings.get(file_name(kind.NAME, task)))],
    }
    return Section(anchor, "Comparison", "comparison.html.j2", context)


def pairs(results: Results, task: str) -> dict[tuple[str, str], dict[Any, Any]]:
    """The pairwise rows of a task by (row variant, column variant), each also mirrored with its signs turned."""
    found: dict[tuple[str, str], dict[Any, Any]] = {}
    for row in results.pairwise[results.pairwise["task"] == task].to_dict("records"):
        a, b = row["variant_a"], row["variant_b"]
        keys = {"task": task, "variant_a": a, "variant_b": b}
        found[a, b] = {**row, "of": keys, "mirrored": False}
        found[b, a] = {
            **row,
            "of": keys,
            "mirrored": True,
            "mean_diff": -row["mean_diff"],
            "rank_biserial": -row["rank_biserial"],
            "wins": row["losses"],
            "losses": row["wins"],
        }
    return found
