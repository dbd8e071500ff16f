"""What the layers do, reduced from the diagnostics of every run to what figures and tables show."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dynconv.report.dynamics_cells import KEYS, LAYERED, NORM, QUANTITY, TRACED, Cells, codes

PARTS = ("early", "middle", "late")  # thirds of the layers, from the input
GRID = np.linspace(0, 1, 51)  # shares of the training at which curves of different datasets meet
_NAMES = "task", "dataset", "variant"


class Dynamics(NamedTuple):
    """Two tidy frames with columns task, dataset, variant, seed, quantity and value, and:

    by_epoch: `progress` (share of the training, 0-1) and `part` (one of `PARTS`, or `all` for a norm), of the `TRACED`;
    by_layer: `depth` (0: the first layer, 1: the last), after the last epoch, of the `LAYERED`.
    """

    by_epoch: pd.DataFrame
    by_layer: pd.DataFrame


def reduce(path: Path, epochs: Mapping[str, float], task_of: Mapping[str, str]) -> Dynamics | None:
    """Of the table in `path` the runs in `epochs`, trained for so many; None where none of them has an attention."""
    cells = Cells(path, epochs)
    if cells.runs.empty:
        return None
    runs = cells.runs.assign(task=cells.runs["dataset"].map(dict(task_of))).astype(dict.fromkeys(_NAMES, "category"))
    found = Dynamics(_with_keys(_by_epoch(cells), runs), _with_keys(_by_layer(cells), runs))
    return found if len(found.by_layer) or "entropy" in set(found.by_epoch["quantity"]) else None


def _with_keys(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Each row with its run's keys: names are categories, as there may be millions of rows."""
    keys = runs.iloc[rows["run"]].reset_index(drop=True)
    return pd.concat([keys, rows.drop(columns="run").reset_index(drop=True)], axis=1)


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
    looks = by_epoch.groupby([*KEYS, "part"], observed=True)["progress"].transform("nunique")
    return by_epoch[looks > 1]


def profiles(of_task: pd.DataFrame) -> pd.DataFrame:
    """Means over datasets of `by_layer` rows, then mean, least and greatest over seeds, by (variant, depth)."""
    means = of_task.groupby(["variant", "seed", "depth"], observed=True, as_index=False)["value"].mean()
    return _over_seeds(means, ["variant", "depth"])


def last(dynamics: Dynamics) -> pd.DataFrame:
    """The mean over layers, datasets and seeds after the last epoch: a row a (task, variant), a column a quantity."""
    layers = dynamics.by_layer.groupby(["task", *KEYS, "quantity"], observed=True, as_index=False)["value"].mean()
    datasets = layers.groupby(["task", "variant", "dataset", "quantity"], observed=True, as_index=False)["value"].mean()
    return datasets.pivot_table(index=["task", "variant"], columns="quantity", values="value", observed=True)


def _over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.dropna().groupby(keys, observed=True, as_index=False)["value"].agg(["mean", "min", "max"])


def _by_epoch(cells: Cells) -> pd.DataFrame:
    shown = cells.values[cells.values["quantity"].isin(codes(TRACED))]
    norm = shown["quantity"].isin(codes((NORM,)))
    third = np.minimum(cells.depth(shown) * len(PARTS), len(PARTS) - 1).astype(int)
    # A norm over all layers is the root of the sum of squares; everything else is a mean over layers.
    value = shown["value"].where(~norm, shown["value"] ** 2)
    shown = shown.assign(part=third.where(~norm, len(PARTS)), value=value)
    grouped = shown.groupby(["run", "epoch", "part", "quantity"])["value"].agg(["mean", "sum"]).reset_index()
    norm = grouped["quantity"].isin(codes((NORM,)))
    columns = {
        "run": grouped["run"],
        "part": pd.Categorical.from_codes(grouped["part"], [*PARTS, "all"]),
        "quantity": pd.Categorical.from_codes(grouped["quantity"], dtype=QUANTITY),
        "value": grouped["mean"].where(~norm, np.sqrt(grouped["sum"])),
        "progress": grouped["epoch"] / cells.lengths[grouped["run"]],
    }
    return pd.DataFrame(columns)


def _by_layer(cells: Cells) -> pd.DataFrame:
    last = cells.values[cells.values["epoch"] == cells.lengths[cells.values["run"]]]  # none: it did not fit into memory
    last = last[last["quantity"].isin(codes(LAYERED))]
    quantity = pd.Categorical.from_codes(last["quantity"], dtype=QUANTITY)
    return pd.DataFrame({"run": last["run"], "depth": cells.depth(last), "quantity": quantity, "value": last["value"]})
