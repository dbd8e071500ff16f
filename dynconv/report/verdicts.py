"""The answer as plain data: each variant against the control, task by task."""

from dataclasses import dataclass

from dynconv.analysis_plan import EXPLORATORY
from dynconv.report import numbers
from dynconv.report.cost import Cost, relatives
from dynconv.report.results import Results
from dynconv.stats.verdict import Line, lines


@dataclass(frozen=True)
class Verdict(Line):
    """What the statistics say of one variant on one task, with its means and its cost.

    Means are over the datasets on which variant and control both have a value, as `diff` is unless the plan counts
    failed runs (`coverage.failed_rule`); None where there is none.
    """

    mean: float | None
    control_mean: float | None
    cost: Cost


# What a row says where the comparison left a column empty.
_EMPTY = {
    "n_datasets": 0,
    "wins": 0,
    "ties": 0,
    "losses": 0,
    "verdict": "inconclusive",
    "reason": "no reason is recorded",
    "adjustment": "holm",
    "exploratory": False,
}


def verdicts(results: Results) -> list[Verdict]:
    """One verdict a planned pair with the control, whatever its family is called; by task, in the report's order."""
    pairs = results.pairwise
    pairs = pairs[(pairs["variant_b"] == results.control) & (pairs["family"] != EXPLORATORY)]
    found = {(line.task, line.variant): line for line in lines(pairs.fillna(_EMPTY), family=None)}
    order = [(task, variant) for task in results.tasks for variant in results.variants]
    costs = {task: relatives(results, task) for task in results.tasks}
    return [_verdict(results, found[key], costs[key[0]][key[1]]) for key in order if key in found]


def _verdict(results: Results, line: Line, cost: Cost) -> Verdict:
    of_task = results.means[results.means["task"] == line.task]
    table = of_task.pivot(index="dataset", columns="variant", values="mean")
    both = table.reindex(columns=[line.variant, line.control]).dropna()
    mean, control_mean = (both[name].mean() for name in (line.variant, line.control))
    return Verdict(
        **vars(line),
        mean=mean if numbers.known(mean) else None,
        control_mean=control_mean if numbers.known(control_mean) else None,
        cost=cost,
    )
