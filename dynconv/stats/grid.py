"""One task's results as an array: variants x datasets x seeds, each axis sorted by name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Grid:
    """The results of one task.

    `values` is [variants, datasets, seeds], NaN where a run failed or was never made; `failed` is [variants, datasets],
    the number of rows without a value.
    """

    task: str
    metric: str
    variants: list[str]
    datasets: list[str]
    values: np.ndarray
    failed: np.ndarray


def grids(frame: pd.DataFrame) -> Iterator[Grid]:
    """Yield one grid a task, in order of name, from a tidy frame (`dynconv.stats.tidy`)."""
    for task, rows in frame.groupby("task", sort=True):
        variants, v = np.unique(rows["variant"].to_numpy(str), return_inverse=True)
        datasets, d = np.unique(rows["dataset"].to_numpy(str), return_inverse=True)
        seeds, s = np.unique(rows["seed"].to_numpy(), return_inverse=True)
        value = rows["value"].to_numpy(float)
        values = np.full((len(variants), len(datasets), len(seeds)), np.nan)
        values[v, d, s] = value
        failed = np.zeros(values.shape[:2], int)
        np.add.at(failed, (v, d), np.isnan(value))
        metric = str(rows["metric"].iloc[0])
        yield Grid(str(task), metric, variants.tolist(), datasets.tolist(), values, failed)
