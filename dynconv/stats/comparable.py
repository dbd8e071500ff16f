"""Which tasks of a table can be compared: while runs are still to come, some have nothing to compare yet."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dynconv.analysis_plan import Analysis
from dynconv.errors import DynconvError, valid
from dynconv.stats.declaration import Declaration


@dataclass(frozen=True)
class Gap:
    """A task without comparisons, and why."""

    task: str
    metric: str
    reason: str
    empty: bool = False  # not even means: the table has no row of it

    @property
    def note(self) -> str:
        """One line for people."""
        return f"not compared: {self.reason}" + ("" if self.empty else "; its means are given")


def gaps(frame: pd.DataFrame, plan: Analysis, declaration: Declaration | None = None) -> list[Gap]:
    """The tasks that cannot be compared: with one variant, without the control, or declared and without any run.

    A control that the study declares for a task with several variants has its place even before its first run: the
    pairs with it then say that it has no value.

    Args:
        frame: tidy (`dynconv.stats.tidy`).
        plan: names the control.
        declaration: of the study, if there is one.
    """
    found = []
    for name, rows in frame.groupby("task", sort=True):
        task, metric, variants = str(name), str(rows["metric"].iloc[0]), sorted(rows["variant"].unique())
        declared = declaration.variants if declaration and task in declaration.datasets else ()
        if len(variants) < 2:
            found.append(Gap(task, metric, f"task {task!r} has {variants[0]!r} only; valid: two or more variants"))
        elif plan.control not in (*variants, *declared):
            found.append(Gap(task, metric, f"control {plan.control!r} is not in task {task!r}; {valid(variants)}"))
    return found + list(_without_runs(frame, declaration))


def need_one(frame: pd.DataFrame, found: list[Gap], source: str) -> None:
    """Raise what is wrong with the first task if none can be compared.

    Raises:
        DynconvError: every task of `frame` is among the gaps in `found`.
    """
    if set(frame["task"]) <= {gap.task for gap in found}:
        where = f"{source}: column 'variant': {found[0].reason}"
        raise DynconvError(f"{where} (--control NAME, or the study's analysis.control)")


def _without_runs(frame: pd.DataFrame, declaration: Declaration | None) -> Iterator[Gap]:
    there = set(frame["task"])
    if declaration is None or not there <= set(declaration.datasets):  # another's table calls its tasks otherwise
        return
    metrics = {str(task): metric for task, metric in declaration.plan.metric.items()}
    for task in sorted(set(declaration.datasets) - there):
        yield Gap(task, metrics[task], f"task {task!r} has no run in the table yet", empty=True)
