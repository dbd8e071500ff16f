"""The analysis of a whole table: tidy frame in, the tables `means`, `ranks`, `omnibus` and `pairwise` out."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from dynconv.errors import DynconvError, valid
from dynconv.records import TABLES
from dynconv.stats import multiplicity, omnibus, ranks, tidy
from dynconv.stats.grid import Grid, grids
from dynconv.stats.means import seed_means, spread, tied
from dynconv.stats.pairwise import compare_pairs
from dynconv.stats.verdict import judge


def compare(
    frame: pd.DataFrame,
    *,
    control: str = "vanilla",
    alpha: float = 0.05,
    rope: float = 0.01,
    resamples: int = 10_000,
    seed: int = 0,
    lower_is_better: bool = False,
) -> dict[str, pd.DataFrame]:
    """Analyse every task of `frame` by itself; the result does not depend on the order of rows.

    Args:
        frame: task, metric, dataset, variant, seed, value (NaN: failed), as `dynconv.stats.table.load` returns it.
        control: the variant that the primary family compares every other one with.
        alpha: family-wise level of the tests; intervals have confidence 1 - alpha.
        rope: half-width of the region of practical equivalence, in units of the metric.
        resamples: of the bootstrap, and of the permutation test beyond 16 datasets.
        seed: of both; the same seed gives the same bytes.
        lower_is_better: the values are errors, losses or times.  `means` stay as measured; every difference, effect and
            rank is turned so that positive, or rank 1, still means better.

    Returns:
        Frames by table name, with the columns of `dynconv.records.TABLES`.

    Raises:
        DynconvError: the frame fails `tidy.check`, the control is not in a task, or a number is out of range.
    """
    _check_plan(alpha, rope, resamples, seed)
    source = frame.attrs.get("source", "table")
    frame = tidy.check(frame, source, lower_is_better=lower_is_better)
    rows: dict[str, list[dict[str, Any]]] = {"means": [], "ranks": [], "omnibus": [], "pairwise": []}
    for grid in grids(frame):
        if control not in grid.variants:
            where = f"{source}: column 'variant': control {control!r} is not in task {grid.task!r}"
            raise DynconvError(f"{where}; {valid(grid.variants)}")
        better = -grid.values if lower_is_better else grid.values
        means = tied(seed_means(better))
        rows["means"] += _means(grid, alpha)
        rows["ranks"] += _ranks(grid, means)
        rows["omnibus"] += _omnibus(grid, means)
        others = [name for name in grid.variants if name != control]
        families = {"primary": [(name, control) for name in others], "secondary": list(combinations(others, 2))}
        for family, pairs in families.items():
            rows["pairwise"] += _family(
                grid, better, family, pairs, alpha=alpha, rope=rope, resamples=resamples, seed=seed
            )
    return {name: pd.DataFrame(rows[name], columns=[c.name for c in TABLES[name].columns]) for name in rows}


def _check_plan(alpha: float, rope: float, resamples: int, seed: int) -> None:
    for name, value, good, allowed in (
        ("alpha", alpha, 0 < alpha < 0.5, "a number above 0 and below 0.5"),
        ("rope", rope, 0 <= rope < math.inf, "a number from 0, in units of the metric"),
        ("resamples", resamples, resamples >= 100, "an integer from 100"),
        ("seed", seed, seed >= 0, "an integer from 0"),
    ):
        if not good:
            raise DynconvError(f"{name}: {value!r} cannot be used; valid: {allowed}")


def _means(grid: Grid, alpha: float) -> list[dict[str, Any]]:
    mean, count = tied(seed_means(grid.values)), np.sum(~np.isnan(grid.values), axis=-1)
    sd, low, high = spread(grid.values, alpha)
    return [
        {
            "task": grid.task,
            "variant": variant,
            "dataset": dataset,
            "metric": grid.metric,
            "n_seeds": int(count[v, d]),
            "n_failed": int(grid.failed[v, d]),
            "mean": mean[v, d],
            "sd": sd[v, d],
            "ci_low": low[v, d],
            "ci_high": high[v, d],
        }
        for v, variant in enumerate(grid.variants)
        for d, dataset in enumerate(grid.datasets)
    ]


def _ranks(grid: Grid, means: np.ndarray) -> list[dict[str, Any]]:
    n = int(ranks.complete(means).sum())
    return [
        {"task": grid.task, "variant": variant, "mean_rank": rank, "n_datasets": n}
        for variant, rank in zip(grid.variants, ranks.mean_ranks(means), strict=True)
    ]


def _omnibus(grid: Grid, means: np.ndarray) -> list[dict[str, Any]]:
    n, k = int(ranks.complete(means).sum()), len(grid.variants)
    friedman = omnibus.friedman(means)
    tests = (friedman, omnibus.iman_davenport(friedman.statistic, n, k))
    return [{"task": grid.task, **vars(test), "n_datasets": n, "k": k} for test in tests]


def _family(
    grid: Grid,
    better: np.ndarray,
    family: str,
    pairs: list[tuple[str, str]],
    *,
    alpha: float,
    rope: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of `pairwise` for one family: each pair by itself, then what depends on the whole family."""
    results = compare_pairs(better, grid.variants, pairs, alpha=alpha, resamples=resamples, seed=seed)
    # As if every pair of the family had its least p: no data could do better.
    floors = multiplicity.holm(np.array([multiplicity.floor(result["n_datasets"]) for result in results]))
    adjusted = multiplicity.holm(np.array([result["p_wilcoxon"] for result in results]))
    rows = []
    for (a_name, b_name), result, p_floor, p_holm in zip(pairs, results, floors, adjusted, strict=True):
        row: dict[str, Any] = {"task": grid.task}
        row |= {"variant_a": a_name, "variant_b": b_name, "metric": grid.metric, "family": family}
        row |= {**result, "p_holm": float(p_holm), "p_floor": float(p_floor), "significant": bool(p_holm < alpha)}
        seeds = (_seeds(grid, a_name), _seeds(grid, b_name))
        row["verdict"], row["reason"] = judge(row, family_size=len(pairs), seeds=seeds, alpha=alpha, rope=rope)
        rows.append(row)
    return rows


def _seeds(grid: Grid, variant: str) -> int:
    """The most runs with a value that `variant` has in a dataset."""
    return int((~np.isnan(grid.values[grid.variants.index(variant)])).sum(axis=-1).max())
