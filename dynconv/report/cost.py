"""What a variant costs, relative to the control: ratios within each dataset, then their geometric mean."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dynconv.report import speed
from dynconv.report.results import Results

COUNTS = ("params", "macs", "macs_theoretical")
# Two runs' times may be compared only if all of these agree.
HARDWARE = ("device", "strategy", "world_size", "precision")


@dataclass(frozen=True)
class Cost:
    """Ratios to the control (1: the same); None where one of the two is not known."""

    params: float | None
    macs: float | None
    macs_theoretical: float | None
    train_s: float | None
    step_s: float | None  # of a training step, an example; measured by the profile


def counts(results: Results, task: str) -> pd.DataFrame:
    """Parameters and MACs, one row a (dataset, variant): means of the runs that ended well, else from the profile."""
    keys = ["dataset", "variant"]
    runs, profile = (frame[frame["task"] == task] for frame in (results.ok, results.profile))
    measured = runs.groupby(keys)[list(COUNTS)].mean()
    return measured.combine_first(profile.groupby(keys)[list(COUNTS)].mean()).astype(float)


def count_ratios(results: Results, task: str) -> pd.DataFrame:
    """`counts` divided by the control's on the same dataset; empty without a control."""
    table = counts(results, task).reset_index()
    base = table[table["variant"] == results.control].set_index("dataset")
    ratios = table.set_index(["dataset", "variant"])[list(COUNTS)]
    return ratios.div(base[list(COUNTS)].reindex(ratios.index.get_level_values("dataset")).to_numpy())


def time_ratios(results: Results, task: str) -> pd.DataFrame:
    """Training time relative to the control on the same dataset and hardware; a row a (dataset, hardware, variant)."""
    runs = results.ok[(results.ok["task"] == task) & results.ok["train_s"].notna()]
    keys = ["dataset", *HARDWARE]
    times = runs.groupby([*keys, "variant"], dropna=False)["train_s"].mean().reset_index()
    base = times[times["variant"] == results.control].drop(columns="variant")
    both = times.merge(base, on=keys, suffixes=("", "_control"))
    return both.assign(ratio=both["train_s"] / both["train_s_control"])


def relatives(results: Results, task: str) -> dict[str, Cost]:
    """The cost of every variant on a task, relative to the control."""
    counted, times, steps = count_ratios(results, task), time_ratios(results, task), speed.ratios(results, task)
    found = {}
    for variant in results.variants:
        own = counted[counted.index.get_level_values("variant") == variant]
        params, macs, macs_theoretical = (_geometric_mean(own[column]) for column in COUNTS)
        timed = times[times["variant"] == variant]
        time = _geometric_mean(by_dataset(timed["ratio"], timed["dataset"]))
        step = _geometric_mean(steps.loc[steps["variant"] == variant, "step"])
        found[variant] = Cost(params, macs, macs_theoretical, time, step)
    return found


def by_dataset(values: pd.Series, datasets: pd.Series) -> pd.Series:
    """The geometric mean of each dataset's positive values: one on several kinds of hardware counts once."""
    numbers = values.astype(float)
    positive = numbers.where(np.isfinite(numbers) & (numbers > 0))
    return np.exp(np.log(positive).groupby(datasets.to_numpy()).mean())


def _geometric_mean(values: pd.Series) -> float | None:
    positive = values[np.isfinite(values) & (values > 0)]
    return float(np.exp(np.log(positive).mean())) if len(positive) else None
