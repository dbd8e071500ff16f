"""The table `posterior`: Bayesian answers for each pair, model and prior."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dynconv.stats import hierarchical, signed_rank_posterior
from dynconv.stats.draws import named
from dynconv.stats.means import differences, seed_means
from dynconv.stats.seed_spread import seed_spread

_NOTHING = dict.fromkeys(
    ("p_a", "p_rope", "p_b", "mean_diff", "mean_diff_ci_low", "mean_diff_ci_high", "r_hat"), np.nan
)
_MIRRORED = {"favours_a": "favours_b", "favours_b": "favours_a"}


def rows(
    values: np.ndarray,
    variants: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    rope: float,
    seed: int,
    alpha: float = 0.05,
    draws: int = 50_000,
) -> list[dict[str, Any]]:
    """One row a pair, model and prior: the columns of `posterior` without task.

    A pair's rows depend on its own values, `rope` and `seed` alone: neither on the other variants nor on the order of
    datasets and seeds.  Swapping the pair swaps a and b exactly.  Probabilities are NaN where there is no posterior:
    the signed-rank model needs two datasets; the hierarchical one needs three whose spread over seeds is known, and
    chains that converge (`r_hat` at most 1.05).  Rows say on how many datasets they rest.

    Args:
        values: [variants, datasets, seeds], higher is better, NaN where there is no run.
        variants: names along the first axis.
        pairs: (a, b) by name.
        rope: half-width of the region of practical equivalence, in the units of `values`.
        seed: of all draws.
        alpha: credible intervals have probability 1 - alpha, equal tails.
        draws: of the signed-rank posterior.
    """
    position = {name: i for i, name in enumerate(variants)}
    result = []
    for pair in pairs:
        # The draws belong to the names in sorted order; a swapped pair mirrors their result instead of drawing anew.
        names = sorted(pair)
        a, b = _sorted_datasets(*(values[position[name]] for name in names))
        found = _signed_rank(a, b, rope, named(seed, *names, 0), draws)
        found += _hierarchical(a, b, rope, named(seed, *names, 1), alpha)
        for row in found:
            row = row if list(pair) == names else _swapped(row)
            coverage = row["n_datasets"] / values.shape[1]
            result.append({"variant_a": pair[0], "variant_b": pair[1], "rope": rope, **row, "coverage": coverage})
    return result


def _sorted_datasets(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The datasets that both have, seeds and then datasets in order of their values; no seed that both lack."""
    both = (~np.isnan(a)).any(axis=1) & (~np.isnan(b)).any(axis=1)
    runs = np.sort(np.stack([a[both], b[both]], axis=1), axis=2)  # NaN goes last
    runs = runs[:, :, ~np.isnan(runs).all(axis=(0, 1))]
    runs = runs[np.lexsort(runs.reshape(len(runs), -1).T[::-1])] if runs.size else runs
    return runs[:, 0], runs[:, 1]


def _signed_rank(
    a: np.ndarray, b: np.ndarray, rope: float, rng: np.random.Generator, draws: int
) -> list[dict[str, Any]]:
    found = dict.fromkeys(signed_rank_posterior.PRIORS, (np.nan, np.nan, np.nan))
    if len(a) > 1:
        difference = differences(seed_means(a), seed_means(b))
        found = signed_rank_posterior.probabilities(difference, rope, rng=rng, draws=draws)
    common = {"model": "signed_rank", **_NOTHING, "n_datasets": len(a)}
    return [
        common | {"prior": prior, "p_a": p_a, "p_rope": p_rope, "p_b": p_b}
        for prior, (p_a, p_rope, p_b) in found.items()
    ]


def _hierarchical(
    a: np.ndarray, b: np.ndarray, rope: float, rng: np.random.Generator, alpha: float
) -> list[dict[str, Any]]:
    data = seed_spread(a, b)
    found = hierarchical.sample(data, rng=rng) if data else {}
    n = len(data.difference) if data else 0
    result = []
    for prior in hierarchical.PRIORS:
        row = {"model": "hierarchical", "prior": prior, **_NOTHING, "n_datasets": n}
        if posterior := found.get(prior):
            row["r_hat"] = posterior.r_hat
            if posterior.converged:
                row["p_a"], row["p_rope"], row["p_b"] = posterior.probabilities(rope)
                row["mean_diff"] = float(posterior.delta0.mean())
                ends = np.quantile(posterior.delta0, [alpha / 2, 1 - alpha / 2])
                row["mean_diff_ci_low"], row["mean_diff_ci_high"] = map(float, ends)
        result.append(row)
    return result


def _swapped(row: dict[str, Any]) -> dict[str, Any]:
    """The row of (b, a) from that of (a, b)."""
    return row | {
        "prior": _MIRRORED.get(row["prior"], row["prior"]),
        "p_a": row["p_b"],
        "p_b": row["p_a"],
        "mean_diff": -row["mean_diff"],
        "mean_diff_ci_low": -row["mean_diff_ci_high"],
        "mean_diff_ci_high": -row["mean_diff_ci_low"],
    }
