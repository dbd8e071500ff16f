"""Whether Markov chains have converged: the rank-normalised split R-hat."""

import numpy as np
from scipy import special, stats


def r_hat(chains: np.ndarray) -> float:
    """Rank-normalised split R-hat (Vehtari et al. 2021, Bayesian Analysis) of `chains` [chains, draws].

    Each chain is cut in halves, so that a chain that drifts disagrees with itself; ranks make it work for heavy tails.
    The larger of the value for the draws and that for their distances from the median: chains may agree on the centre
    and not on the spread.  1 when all draws are equal.
    """
    if np.ptp(chains) == 0:
        return 1.0
    half = chains.shape[1] // 2
    split = np.concatenate([chains[:, :half], chains[:, -half:]])
    return max(_of_ranks(split), _of_ranks(np.abs(split - np.median(split))))


def _of_ranks(split: np.ndarray) -> float:
    ranks = stats.rankdata(split).reshape(split.shape)
    z = special.ndtri((ranks - 3 / 8) / (split.size + 1 / 4))
    n = split.shape[1]
    between, within = n * z.mean(axis=1).var(ddof=1), z.var(axis=1, ddof=1).mean()
    if within == 0:  # every chain stands still, each somewhere else
        return np.inf
    return float(np.sqrt((n - 1) / n + between / within / n))
