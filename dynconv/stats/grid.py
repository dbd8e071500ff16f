"""One task's results as an array: variants x datasets x seeds, each axis sorted by name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dynconv.stats.declaration import Declaration


@dataclass(frozen=True)
class Grid:
    """The results of one task.

    `values` is [variants, datasets, seeds], NaN where a run has no value: because it failed (`failed`, a bool of the
    same shape) or because there is no such run.
    """

    task: str
    metric: str
    variants: list[str]
    datasets: list[str]
    seeds: list[int]
    values: np.ndarray
    failed: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Which runs have a value: bool [variants, datasets, seeds]."""
        return ~np.isnan(self.values)

    def runs_with_value(self) -> dict[str, dict[tuple[str, int], float]]:
        """By dataset, the runs (variant, seed) that have a value, with it."""
        return {
            dataset: {
                (self.variants[v], self.seeds[s]): float(self.values[v, d, s])
                for v, s in np.argwhere(self.present[:, d])
            }
            for d, dataset in enumerate(self.datasets)
        }


def grids(frame: pd.DataFrame, declaration: Declaration | None = None) -> Iterator[Grid]:
    """Yield one grid a task, in order of name, from a tidy frame (`dynconv.stats.tidy`).

    What the study declares for a task has its place in the grid, whether there is a run of it or not.
    """
    for task, rows in frame.groupby("task", sort=True):
        declared = declaration if declaration and task in declaration.datasets else None
        variants = sorted({*rows["variant"], *(declared.variants if declared else ())})
        datasets = sorted({*rows["dataset"], *(declared.datasets[str(task)] if declared else ())})
        seeds = sorted({*rows["seed"].tolist(), *(declared.seeds if declared else ())})
        place = tuple(
            pd.Index(names).get_indexer(rows[column])
            for column, names in (("variant", variants), ("dataset", datasets), ("seed", seeds))
        )
        values = np.full((len(variants), len(datasets), len(seeds)), np.nan)
        values[place] = rows["value"].to_numpy(float)
        failed = np.zeros(values.shape, bool)
        failed[place] = rows["value"].isna().to_numpy()
        yield Grid(str(task), str(rows["metric"].iloc[0]), variants, datasets, seeds, values, failed)


def with_failures(grid: Grid, rule: str, *, lower_is_better: bool) -> Grid:
    """The grid as the plan wants failed runs to count: see `dynconv.analysis_plan.Analysis.failed_runs`."""
    if rule == "omit" or not grid.failed.any():
        return grid
    values = grid.values.copy()
    if rule == "drop_dataset":
        values[:, grid.failed.any(axis=(0, 2))] = np.nan
    else:
        worst = np.fmax.reduce if lower_is_better else np.fmin.reduce
        of_dataset = worst(worst(values, axis=2), axis=0)  # NaN where every run of the dataset failed
        values = np.where(grid.failed, of_dataset[None, :, None], values)
    return replace(grid, values=values)
