"""The analysis of a whole table: tidy frame in, the tables of `dynconv.comparison_tables` out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dynconv.analysis_plan import Analysis, make_analysis
from dynconv.comparison_tables import COMPARISONS
from dynconv.errors import DynconvError, valid
from dynconv.stats import crosstask, tidy
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
    **changes: Any,
) -> dict[str, pd.DataFrame]:
    """Analyse every task of `frame` by itself, then all side by side; the order of rows does not matter.

    Args:
        frame: task, metric, dataset, variant, seed, value (NaN: failed), as `dynconv.stats.table.load` returns it.
        plan: what to test and how; by default the defaults of `Analysis`.
        declaration: what a study declared before its runs; without one every row is marked exploratory.
        lower_is_better: the values are errors, losses or times.  `means` stay as measured; every difference, effect and
            rank is turned so that positive, or rank 1, still means better.
        predictions: of the runs, for what is computed over test examples.
        costs: what `dynconv.stats.costs.read` returns, for `pareto`.
        groups: the kind of each dataset, to leave out one kind after the other.
        changes: settings that go over the plan's, such as `control="odconv"` or `resamples=200`.

    Returns:
        Frames by table name, with the columns of `dynconv.records.TABLES`.

    Raises:
        DynconvError: the frame fails `tidy.check`, the plan names a variant that a task does not have, or a setting
            cannot be used.
    """
    plan = make_analysis(changes, plan)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in _tasks(frame, plan, declaration, lower_is_better):
        parts = [task.descriptions(), task.comparisons(groups or {}), task.power()]
        if plan.posterior:
            parts.append(task.posterior())
        if predictions and not lower_is_better:  # what predictions determine is better when higher
            parts.append(task.examples(predictions))
        if costs is not None:
            parts.append(task.costs(costs))
        keys = {"task": task.grid.task, "metric": task.grid.metric}
        for name, found in (item for part in parts for item in part.items()):
            rows[name] += [keys | row for row in found]
    rows["crosstask"] = crosstask.rows(rows["pairwise"], control=plan.control, alpha=plan.alpha)
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
    """Rows of the table `power` for the first family of every task; `effects`: true differences to find."""
    tasks = _tasks(frame, plan, declaration, lower_is_better)
    return [{"task": task.grid.task, **row} for task in tasks for row in task.power(effects)["power"]]


def _tasks(
    frame: pd.DataFrame, plan: Analysis, declaration: Declaration | None, lower_is_better: bool
) -> Iterator[Task]:
    source = frame.attrs.get("source", "table")
    frame = tidy.check(frame, source, lower_is_better=lower_is_better)
    for grid in grids(frame, declaration):
        if plan.control not in grid.variants:
            where = f"{source}: column 'variant': control {plan.control!r} is not in task {grid.task!r}"
            raise DynconvError(f"{where}; {valid(grid.variants)} (--control NAME, or the study's analysis.control)")
        yield Task(grid, plan, declaration, lower_is_better=lower_is_better)
