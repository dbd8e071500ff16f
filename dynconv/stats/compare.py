"""The analysis of a whole table: tidy frame in, the tables of `dynconv.comparison_tables` out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dynconv.analysis_plan import Analysis, make_analysis
from dynconv.comparison_tables import COMPARISONS
from dynconv.stats import crosstask, tidy
from dynconv.stats.comparable import Gap, gaps, need_one
from dynconv.stats.declaration import Declaration
from dynconv.stats.grid import grids
from dynconv.stats.predictions import PredictionFile
from dynconv.stats.task import Task


def compare(
    frame: pd.DataFrame,
    plan: Analysis | None = None,
    *,
    declaration: Declaration | None = None,
    lower_is_better: bool = False,
    predictions: PredictionFile | None = None,
    costs: pd.DataFrame | None = None,
    groups: Mapping[str, str] | None = None,
    partial: bool = False,
    **changes: Any,
) -> dict[str, pd.DataFrame]:
    """Analyse every task of `frame` by itself, then all side by side; the order of rows does not matter.

    A task that cannot be compared (`dynconv.stats.comparable.gaps` says which, and why) is only described.

    Args:
        frame: task, metric, dataset, variant, seed, value (NaN: failed), as `dynconv.stats.table.load` returns it.
        plan: what to test and how; by default the defaults of `Analysis`.
        declaration: what a study declared before its runs; without one every row is marked exploratory.
        lower_is_better: the values are errors, losses or times.  `means` stay as measured; every difference, effect and
            rank is turned so that positive, or rank 1, still means better.
        predictions: of the runs, for what is computed over test examples.
        costs: what `dynconv.stats.costs.read` returns, for `pareto`.
        groups: the kind of each dataset, to leave out one kind after the other.
        partial: runs are still to come, so that it is no error if no task can be compared yet.
        changes: settings that go over the plan's, such as `control="odconv"` or `resamples=200`.

    Returns:
        Frames by table name, with the columns of `dynconv.records.TABLES`.

    Raises:
        DynconvError: the frame fails `tidy.check`, the plan names a variant that a task does not have, a setting cannot
            be used, or (unless `partial`) no task can be compared.
    """
    plan = make_analysis(changes, plan)
    frame, missing = _checked(frame, plan, declaration, lower_is_better, partial)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in _tasks(frame, plan, declaration, lower_is_better, missing):
        parts = [task.descriptions()]
        if task.comparable:
            parts += [task.comparisons(groups or {}), task.power()]
        if task.comparable and plan.posterior:
            parts.append(task.posterior())
        if task.comparable and predictions and not lower_is_better:  # what they determine is better when higher
            parts.append(task.examples(predictions))
        if task.comparable and costs is not None:
            parts.append(task.costs(costs))
        keys = {"task": task.grid.task, "metric": task.grid.metric}
        for name, found in (item for part in parts for item in part.items()):
            rows[name] += [keys | row for row in found]
    others = {gap.task: gap.metric for gap in missing}
    rows["crosstask"] = crosstask.rows(rows["pairwise"], control=plan.control, alpha=plan.alpha, others=others)
    return {
        table.name: pd.DataFrame(rows[table.name], columns=[c.name for c in table.columns]) for table in COMPARISONS
    }


def power_rows(
    frame: pd.DataFrame,
    plan: Analysis,
    *,
    declaration: Declaration | None = None,
    lower_is_better: bool = False,
    effects: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table `power` for the first family of every task that can be compared; `effects`: true differences
    to find.
    """
    frame, missing = _checked(frame, plan, declaration, lower_is_better, partial=False)
    tasks = _tasks(frame, plan, declaration, lower_is_better, missing)
    return [{"task": t.grid.task, **row} for t in tasks if t.comparable for row in t.power(effects)["power"]]


def _checked(
    frame: pd.DataFrame, plan: Analysis, declaration: Declaration | None, lower_is_better: bool, partial: bool
) -> tuple[pd.DataFrame, list[Gap]]:
    """The tidy frame, and those of its tasks that cannot be compared."""
    source = frame.attrs.get("source", "table")
    frame = tidy.check(frame, source, lower_is_better=lower_is_better)
    missing = gaps(frame, plan, declaration)
    if not partial:
        need_one(frame, missing, source)
    return frame, missing


def _tasks(
    frame: pd.DataFrame, plan: Analysis, declaration: Declaration | None, lower_is_better: bool, missing: list[Gap]
) -> Iterator[Task]:
    described = {gap.task for gap in missing}
    for grid in grids(frame, declaration):
        comparable = grid.task not in described
        yield Task(grid, plan, declaration, lower_is_better=lower_is_better, comparable=comparable)
