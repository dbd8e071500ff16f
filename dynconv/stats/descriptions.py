"""Rows of the tables that describe without comparing pairs: means, ranks and omnibus tests."""

from typing import Any

import numpy as np

from dynconv.stats import omnibus, ranks
from dynconv.stats.grid import Grid
from dynconv.stats.means import seed_means, spread, tied


def means(grid: Grid, alpha: float) -> list[dict[str, Any]]:
    """Rows of `means`: as measured, whatever direction is better; failed runs are never among them."""
    mean, count = tied(seed_means(grid.values)), grid.present.sum(axis=-1)
    sd, low, high = spread(grid.values, alpha)
    failed = grid.failed.sum(axis=-1)
    return [
        {
            "task": grid.task,
            "variant": variant,
            "dataset": dataset,
            "metric": grid.metric,
            "n_seeds": int(count[v, d]),
            "n_failed": int(failed[v, d]),
            "coverage": count[v, d] / len(grid.seeds),
            "mean": mean[v, d],
            "sd": sd[v, d],
            "ci_low": low[v, d],
            "ci_high": high[v, d],
        }
        for v, variant in enumerate(grid.variants)
        for d, dataset in enumerate(grid.datasets)
    ]


def mean_ranks(grid: Grid, better: np.ndarray) -> list[dict[str, Any]]:
    """Rows of `ranks`, from seed means [variants, datasets] of which higher is better."""
    return [
        {"task": grid.task, "variant": variant, "mean_rank": rank, **_complete(better)}
        for variant, rank in zip(grid.variants, ranks.mean_ranks(better), strict=True)
    ]


def tests(grid: Grid, better: np.ndarray) -> list[dict[str, Any]]:
    """Rows of `omnibus`, from the same."""
    coverage = _complete(better)
    friedman = omnibus.friedman(better)
    f_test = omnibus.iman_davenport(friedman.statistic, coverage["n_datasets"], len(better))
    found = (friedman, f_test, omnibus.aligned_ranks(better), omnibus.quade(better))
    return [{"task": grid.task, **vars(test), **coverage, "k": len(better)} for test in found]


def _complete(better: np.ndarray) -> dict[str, Any]:
    complete = ranks.complete(better)
    return {"n_datasets": int(complete.sum()), "coverage": float(complete.mean())}
