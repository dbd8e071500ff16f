"""What the layers do, reduced from the diagnostics of every run to what figures and tables show.

The table has a row a run, epoch, layer and quantity, which may be millions: it is read a run at a time.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

PARTS = ("early", "middle", "late")  # thirds of the layers, from the input
# Shown are shares of what is possible, where there is a most; and a norm over all layers together.
RELATIVE = ("entropy", "usage_entropy", "information")
NORM = "sharpness"
TRACED = ("entropy", NORM)  # over the training
LAYERED = (*RELATIVE, "example_share", "variation", "effective_rank")  # by layer, at the end
GRID = np.linspace(0, 1, 51)  # shares of the training at which curves of different datasets meet
_RUN = ["dataset", "variant", "seed"]
_STRINGS = "run_id", "dataset", "variant", "quantity"
_COLUMNS = [*_STRINGS, "seed", "epoch", "depth", "value", "relative"]
_NAMES = "task", "dataset", "variant"
_QUANTITY = pd.CategoricalDtype([*LAYERED, NORM])


class Dynamics(NamedTuple):
    """Two tidy frames with columns task, dataset, variant, seed, quantity and value, and:

    by_epoch: `progress` (share of the training, 0-1) and `part` (one of `PARTS`, or `all` for a norm), of the `TRACED`;
    by_layer: `depth` (0: the first layer, 1: the last), after the last epoch, of the `LAYERED`.
    """

    by_epoch: pd.DataFrame
    by_layer: pd.DataFrame


def reduce(path: Path, epochs: Mapping[str, float], task_of: Mapping[str, str]) -> Dynamics | None:
    """Of the table in `path` the runs in `epochs`, trained for so many; None where none of them has an attention."""
    keys, by_epoch, by_layer = [], [], []
    with pq.ParquetFile(path, read_dictionary=[*_STRINGS]) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=_COLUMNS).to_pandas()
            for run_id, run in rows.groupby("run_id", observed=True):
                if run_id in epochs:
                    keys.append(run[_RUN].iloc[0])
                    by_epoch.append(_by_epoch(run, epochs[run_id]))
                    by_layer.append(_by_layer(run, epochs[run_id]))
    if not keys:
        return None
    runs = pd.DataFrame(keys, columns=_RUN)
    runs = runs.assign(task=runs["dataset"].map(dict(task_of))).astype(dict.fromkeys(_NAMES, "category"))
    found = Dynamics(_together(by_epoch, runs), _together(by_layer, runs))
    return found if len(found.by_layer) or "entropy" in set(found.by_epoch["quantity"]) else None


def _together(parts: list[pd.DataFrame], runs: pd.DataFrame) -> pd.DataFrame:
    """One frame of all runs, each row with its run's keys: names are categories, as there may be millions of rows."""
    place = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return pd.concat([runs.iloc[place].reset_index(drop=True), pd.concat(parts, ignore_index=True)], axis=1)


def curves(of_task: pd.DataFrame, log: bool = False) -> pd.DataFrame:
    """Means over datasets of `by_epoch` rows, then mean, least and greatest over seeds, by (variant, part, progress).

    Between two looks a straight line is drawn; before a run's first look and after its last there is nothing, nor is
    there a mean where some dataset has no value.  Runs without a second look are left out.  `log`: lines and means are
    those of logarithms (of positive values).
    """
    if log:
        positive = of_task[of_task["value"] > 0]
        bands = curves(positive.assign(value=np.log(positive["value"])))
        return bands.assign(**{name: np.exp(bands[name]) for name in ("mean", "min", "max")})
    found = []
    for (variant, part, seed), own in followed(of_task).groupby(["variant", "part", "seed"], observed=True):
        lines = [
            np.interp(GRID, line["progress"], line["value"], left=np.nan, right=np.nan)
            for _, line in own.sort_values("progress").groupby("dataset", observed=True)
        ]
        mean = np.mean(lines, axis=0)  # where every dataset has a value
        found.append(pd.DataFrame({"variant": variant, "part": part, "seed": seed, "progress": GRID, "value": mean}))
    if not found:
        return pd.DataFrame(columns=["variant", "part", "progress", "mean", "min", "max"])
    return _over_seeds(pd.concat(found), ["variant", "part", "progress"])


def followed(by_epoch: pd.DataFrame) -> pd.DataFrame:
    """Of `by_epoch` rows those of runs with two looks or more: one look is a point, and no curve."""
    looks = by_epoch.groupby([*_RUN, "part"], observed=True)["progress"].transform("nunique")
    return by_epoch[looks > 1]


def profiles(of_task: pd.DataFrame) -> pd.DataFrame:
    """Means over datasets of `by_layer` rows, then mean, least and greatest over seeds, by (variant, depth)."""
    means = of_task.groupby(["variant", "seed", "depth"], observed=True, as_index=False)["value"].mean()
    return _over_seeds(means, ["variant", "depth"])


def last(dynamics: Dynamics) -> pd.DataFrame:
    """The mean over layers, datasets and seeds after the last epoch: a row a (task, variant), a column a quantity."""
    layers = dynamics.by_layer.groupby(["task", *_RUN, "quantity"], observed=True, as_index=False)["value"].mean()
    datasets = layers.groupby(["task", "variant", "dataset", "quantity"], observed=True, as_index=False)["value"].mean()
    return datasets.pivot_table(index=["task", "variant"], columns="quantity", values="value", observed=True)


def _over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.dropna().groupby(keys, observed=True, as_index=False)["value"].agg(["mean", "min", "max"])


def _shown(run: pd.DataFrame, quantities: Iterable[str], depths: int) -> pd.DataFrame:
    """One value an (epoch, layer, quantity): shares of the possible, averaged over a layer's attentions."""
    rows = run[run["quantity"].isin([*quantities])]
    value = rows["relative"].where(rows["quantity"].isin(RELATIVE), rows["value"])
    depth = (rows["depth"] - 1) / max(1, depths - 1)
    rows = rows.assign(value=value, depth=depth, quantity=rows["quantity"].astype(_QUANTITY))
    return rows.groupby(["epoch", "depth", "quantity"], observed=True, as_index=False)["value"].mean().dropna()


def _by_epoch(run: pd.DataFrame, epochs: float) -> pd.DataFrame:
    shown = _shown(run, TRACED, run["depth"].max())
    norm = shown["quantity"] == NORM
    third = np.minimum(shown["depth"] * len(PARTS), len(PARTS) - 1).astype(int)
    part = pd.Categorical.from_codes(third.where(~norm, len(PARTS)), [*PARTS, "all"])
    # A norm over all layers is the root of the sum of squares; everything else is a mean over layers.
    shown = shown.assign(part=part, value=shown["value"].where(~norm, shown["value"] ** 2))
    grouped = shown.groupby(["epoch", "part", "quantity"], observed=True)["value"].agg(["mean", "sum"]).reset_index()
    value = grouped["mean"].where(grouped["quantity"] != NORM, np.sqrt(grouped["sum"]))
    progress = grouped["epoch"] / epochs
    return grouped.assign(value=value, progress=progress).drop(columns=["epoch", "mean", "sum"])


def _by_layer(run: pd.DataFrame, epochs: float) -> pd.DataFrame:
    last = run[run["epoch"] == epochs]  # none where the last look did not fit into memory
    return _shown(last, LAYERED, run["depth"].max()).drop(columns="epoch")
