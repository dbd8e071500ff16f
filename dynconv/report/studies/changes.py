"""What has changed from one study to another: runs matched by dataset, variant and seed that ended well in both.

Seeds are nested in datasets here as everywhere: the change on a dataset is the difference of the means over the seeds
that both studies have, and a dataset is one observation.  With a single dataset the observations are its seeds, each
of which trained the same network from the same start in both studies.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dynconv.analysis_plan import Analysis
from dynconv.report import numbers
from dynconv.report.cost import HARDWARE
from dynconv.report.studies.side import Side
from dynconv.stats.bootstrap import population_interval
from dynconv.stats.draws import Draws
from dynconv.stats.means import differences

KEYS = ["dataset", "variant", "seed"]
ALPHA = 0.05  # of the intervals, each by itself


@dataclass(frozen=True)
class Change:
    """A variant's mean over the datasets of a task in both studies, and what has changed: positive where B is better.

    `over` says of what the interval speaks: datasets or seeds; None where there is no interval.  `time` is the training
    time of B over that of A, a geometric mean over datasets of the runs on the same hardware; None where there is none.
    """

    task: str
    metric: str
    variant: str
    n_datasets: int
    n_runs: int
    n_same: int  # runs with the very same value
    a: float
    b: float
    diff: float
    low: float | None
    high: float | None
    over: str | None
    time: float | None
    n_timed: int


@dataclass(frozen=True)
class Task:
    """The changes of one task from study `a` to study `b`; `reason` says why there are none."""

    a: Side
    b: Side
    task: str
    metric: str
    reason: str | None
    changes: list[Change]
    cells: pd.DataFrame  # dataset, variant, a, b, diff, n_seeds, by the size of the change
    left_out: list[str]  # datasets whose data differ: not the same task
    unmatched: tuple[int, int]  # runs that ended well in a, and in b, and have no peer

    @property
    def n_runs(self) -> int:
        """Matched runs."""
        return sum(change.n_runs for change in self.changes)

    @property
    def n_same(self) -> int:
        """Of them those with the very same metric."""
        return sum(change.n_same for change in self.changes)


def task_changes(a: Side, b: Side, task: str, variants: Iterable[str]) -> Task:
    """What has changed on one task, variants in the order given.

    A dataset of which some matched run has other data in both studies is left out whole: its metric is another task's.
    """
    metric, other = (side.results.metric(task) for side in (a, b))
    runs_a, runs_b = (_runs(side, task, metric) for side in (a, b))
    pairs = runs_a.merge(runs_b, on=KEYS, suffixes=("_a", "_b"))
    other_data = pairs[
        pairs["dataset_hash_a"].notna()
        & pairs["dataset_hash_b"].notna()
        & (pairs["dataset_hash_a"] != pairs["dataset_hash_b"])
    ]
    left_out = sorted(other_data["dataset"].unique())
    unmatched = len(runs_a) - len(pairs), len(runs_b) - len(pairs)
    pairs = pairs[~pairs["dataset"].isin(left_out)]
    reason = None
    absent = [side.label for side in (a, b) if task not in side.results.tasks]
    if absent:
        reason = f"{absent[0]} has nothing of this task"
    elif metric != other:
        reason = f"{a.label} is about {numbers.label(metric)}, {b.label} about {numbers.label(other)}"
    elif pairs.empty and left_out:
        reason = "the data of every dataset that both have differ, so that no run is the same task"
    elif pairs.empty:
        reason = "they share no run (dataset, variant and seed) that ended well in both"
    if reason:
        return Task(a, b, task, metric, reason, [], _cells(pairs[:0], metric), left_out, (len(runs_a), len(runs_b)))
    cells = _cells(pairs, metric)
    own = {str(variant): rows for variant, rows in pairs.groupby("variant")}
    changes = [_change(task, metric, name, own[name], cells) for name in variants if name in own]
    return Task(a, b, task, metric, None, changes, cells, left_out, unmatched)


def _runs(side: Side, task: str, metric: str) -> pd.DataFrame:
    """The runs of a task that ended well with a value: keys, value, and what a comparison of them depends on."""
    ok = side.results.ok
    ok = ok[ok["task"] == task]
    value = ok[metric].astype(float) if metric in ok else pd.Series(np.nan, index=ok.index)
    return ok[[*KEYS, "dataset_hash", "train_s", *HARDWARE]].assign(value=value)[value.notna()]


def _cells(pairs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a (dataset, variant): the means over the seeds of both, largest change first."""
    grouped = pairs.groupby(["dataset", "variant"])
    cells = grouped.agg(a=("value_a", "mean"), b=("value_b", "mean"), n_seeds=("seed", "size")).reset_index()
    diff = _turned(differences(cells["b"].to_numpy(float), cells["a"].to_numpy(float)), metric)
    order = np.argsort(-np.abs(diff), kind="stable")
    return cells.assign(diff=diff).iloc[order].reset_index(drop=True)


def _change(task: str, metric: str, variant: str, runs: pd.DataFrame, cells: pd.DataFrame) -> Change:
    own = cells[cells["variant"] == variant].sort_values("dataset")
    units, over = own["diff"].to_numpy(float), "datasets"
    if len(own) == 1:
        paired = runs.sort_values("seed")
        units = _turned(differences(paired["value_b"].to_numpy(float), paired["value_a"].to_numpy(float)), metric)
        over = "seeds"
    low, high = population_interval(units, alpha=ALPHA, draws=Draws(Analysis().resamples, Analysis().seed))
    known = bool(np.isfinite(low))
    time, n_timed = _time(runs)
    return Change(
        task=task,
        metric=metric,
        variant=variant,
        n_datasets=len(own),
        n_runs=len(runs),
        n_same=int((runs["value_a"] == runs["value_b"]).sum()),
        a=float(own["a"].mean()),
        b=float(own["b"].mean()),
        diff=float(own["diff"].mean()),
        low=low if known else None,
        high=high if known else None,
        over=over if known else None,
        time=time,
        n_timed=n_timed,
    )


def _time(runs: pd.DataFrame) -> tuple[float | None, int]:
    """Training time of b over that of a, and of how many runs; only runs on the same hardware are compared."""
    same = runs["device_a"].notna() & (runs["train_s_a"] > 0) & (runs["train_s_b"] > 0)
    for column in HARDWARE:
        same &= runs[f"{column}_a"] == runs[f"{column}_b"]
    means = runs[same].groupby("dataset")[["train_s_a", "train_s_b"]].mean()
    if means.empty:
        return None, 0
    return float(np.exp(np.log(means["train_s_b"] / means["train_s_a"]).mean())), int(same.sum())


def _turned(diff: np.ndarray, metric: str) -> np.ndarray:
    return -diff if numbers.lower_is_better(metric) else diff
