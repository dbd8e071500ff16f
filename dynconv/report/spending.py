"""What the study has cost: hours, energy, time in the queue, repeated attempts, failed runs and the search."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dynconv.report.results import Results

_CPU = "(CPU)"  # ends the name of a device that is a processor


@dataclass(frozen=True)
class Spent:
    """Sums over runs, failed ones included, and over trials; None: known of no run.

    Hours are those of processes: a run on four GPUs for one hour has taken four.
    """

    runs: int
    timed: int  # runs whose training time is known
    gpu_hours: float | None
    cpu_hours: float | None
    diagnostics_s: float | None
    energy_j: float | None
    metered: int  # runs whose energy is known
    queued: int  # runs whose time in the queue is known
    queue_median_s: float | None
    queue_p90_s: float | None
    queue_most_s: float | None
    repeated: int  # attempts beyond the first
    failed: int
    failed_s: float | None  # of the last attempts of failed runs, from start to end, where both are known
    trials: int
    search_s: float | None  # training of the trials, by the clock


def on_gpus(runs: pd.DataFrame) -> pd.Series:
    """Which runs were trained on GPUs: their torch had CUDA, and their device is not a processor."""
    return runs["cuda_version"].notna() & ~runs["device"].fillna(_CPU).str.endswith(_CPU)


def spent(results: Results) -> dict[tuple[str, str], Spent]:
    """By task and variant, in the report's order."""
    return {key: _spent(runs, choices) for key, runs, choices in _groups(results)}


def total(results: Results) -> Spent:
    """Of the whole study."""
    return _spent(results.runs, results.choices)


def _groups(results: Results) -> Iterator[tuple[tuple[str, str], pd.DataFrame, pd.DataFrame]]:
    runs, choices = results.runs, results.choices
    groups = dict(list(runs.groupby(["task", "variant"])))
    for key in ((task, variant) for task in results.tasks for variant in results.variants):
        if key in groups:
            yield key, groups[key], choices[(choices["task"] == key[0]) & (choices["variant"] == key[1])]


def _spent(runs: pd.DataFrame, choices: pd.DataFrame) -> Spent:
    hours = runs["train_s"] * runs["world_size"].fillna(1) / 3600
    gpu = on_gpus(runs)
    failed = runs[runs["status"] != "ok"]
    took = (failed["finished_at"] - failed["started_at"]).dt.total_seconds()
    queue = runs["queue_s"].dropna()
    return Spent(
        runs=len(runs),
        timed=int(runs["train_s"].notna().sum()),
        gpu_hours=_sum(hours[gpu]),
        cpu_hours=_sum(hours[~gpu]),
        diagnostics_s=_sum(runs["diagnostics_s"]),
        energy_j=_sum(runs["energy_j"]),
        metered=int(runs["energy_j"].notna().sum()),
        queued=len(queue),
        queue_median_s=float(queue.median()) if len(queue) else None,
        queue_p90_s=float(np.percentile(queue, 90)) if len(queue) else None,
        queue_most_s=float(queue.max()) if len(queue) else None,
        repeated=int((runs["attempt"].fillna(1) - 1).sum()),
        failed=len(failed),
        failed_s=_sum(took),
        trials=int(choices["n_trials"].sum()),
        search_s=_sum(choices["train_s"]),
    )


def _sum(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.sum()) if len(known) else None
