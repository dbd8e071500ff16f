"""What the networks of a task cost, and what they gain for it."""

from collections.abc import Mapping
from typing import Any

from dynconv.report import cost, speed
from dynconv.report.figures import accuracy_cost, pareto
from dynconv.report.figures.drawing import Drawing, file_name
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section:
    """Gain against cost, then the costs, one row a (dataset, variant)."""
    names = (accuracy_cost.NAME, accuracy_cost.TIME, pareto.NAME)
    context = {
        "task": task,
        "figures": [d for name in names if (d := drawings.get(file_name(name, task)))],
        "wanted": file_name(accuracy_cost.NAME, task),
        "control": results.control,
        "costs": _costs(results, task),
        "speeds": speed.rows(results, task),
        "hardware": speed.hardware(results, task),
        "executed": _executed(results, task),
    }
    return Section(anchor, "Cost", "task_cost.html.j2", context)


def _costs(results: Results, task: str) -> list[dict[Any, Any]]:
    """One row a (dataset, variant) in the report's order; `measured`: of runs that ended well, not of the profile."""
    keys = ["dataset", "variant"]
    ok = results.ok[results.ok["task"] == task]
    measured = ok.groupby(keys)[["train_s", "peak_memory_bytes"]].mean()
    table = cost.counts(results, task).join(measured)
    table = table.assign(measured=table.index.isin(measured.index)).reset_index()
    rows = {(row["dataset"], row["variant"]): row for row in table.to_dict("records")}
    order = [(dataset, variant) for dataset in results.datasets(task) for variant in results.variants]
    return [rows[key] for key in order if key in rows]


def _executed(results: Results, task: str) -> list[dict[Any, Any]]:
    """Executed fractions of the variants that skip work: mean, least and greatest over seeds."""
    ok = results.ok[(results.ok["task"] == task) & results.ok["executed_fraction"].notna()]
    grouped = ok.groupby(["dataset", "variant"])["executed_fraction"].agg(["mean", "min", "max", "count"])
    return grouped.reset_index().to_dict("records")
