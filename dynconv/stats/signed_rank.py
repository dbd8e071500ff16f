"""The signed-rank test of `dynconv.stats.pairwise.wilcoxon_p`, for many samples at once."""

import numpy as np
from scipy import stats

from dynconv.stats.permutation import EXACT_UP_TO

_SCIPY_EXACT_UP_TO = 50  # datasets; scipy's method="auto"
_BLOCK = 1 << 21  # numbers held at once


def signed_rank_sums(differences: np.ndarray) -> np.ndarray:
    """R+ - R- of each row of [samples, datasets], zeros ranked and then dropped (Pratt 1959); NaN is left out."""
    present = ~np.isnan(differences)
    ranks = stats.rankdata(np.where(present, np.abs(differences), np.inf), axis=1)  # what is left out ranks last
    return (ranks * np.sign(np.where(present, differences, 0.0))).sum(axis=1)


def wilcoxon_p_many(differences: np.ndarray) -> np.ndarray:
    """`wilcoxon_p` of each row of [samples, datasets], NaN left out: two-sided p [samples], NaN where nothing differs.

    scipy takes many samples a call, but of one size and by one method; so rows are sorted by both.
    """
    differences = np.asarray(differences, float)
    p = np.full(len(differences), np.nan)
    rows = max(1, _BLOCK // max(differences.shape[1], 1))
    for start in range(0, len(differences), rows):
        block = differences[start : start + rows]
        sizes = np.sum(~np.isnan(block), axis=1)
        for size in np.unique(sizes[sizes > 0]):
            here = np.flatnonzero(sizes == size)
            samples = block[here]
            p[start + here] = _equal_sizes(samples[~np.isnan(samples)].reshape(len(here), size))
    return p


def _equal_sizes(samples: np.ndarray) -> np.ndarray:
    """p of each row of [samples, datasets] without NaN."""
    size = samples.shape[1]
    differing = np.count_nonzero(samples, axis=1)
    few = (differing > 0) & (differing <= EXACT_UP_TO)
    magnitudes = np.sort(np.abs(samples), axis=1)
    no_ties = (differing == size) & (np.diff(magnitudes, axis=1) > 0).all(axis=1)
    exact = ~few & no_ties & (size <= _SCIPY_EXACT_UP_TO)
    p = np.full(len(samples), np.nan)
    p[few] = _every_sign_pattern(samples[few])
    for rows, method in ((exact, "exact"), ((differing > 0) & ~few & ~exact, "asymptotic")):
        if rows.any():
            p[rows] = stats.wilcoxon(samples[rows], zero_method="pratt", method=method, axis=1).pvalue
    return p


def _every_sign_pattern(samples: np.ndarray) -> np.ndarray:
    """p over all sign patterns of each row of [samples, datasets], of which few differ from zero."""
    ranks = np.rint(2 * stats.rankdata(np.abs(samples), axis=1)).astype(int)  # doubled: ties have half ranks
    plus = np.where(samples > 0, ranks, 0).sum(axis=1)
    given = np.sort(np.where(samples == 0, 0, ranks), axis=1)
    distinct, which = np.unique(given, axis=0, return_inverse=True)  # leaving one out leaves much alike
    p = np.empty(len(samples))
    for number, row in enumerate(distinct):
        here = which == number
        at_most = np.cumsum(_positive_rank_sums(row[row > 0]))
        less = at_most[plus[here]]
        greater = at_most[-1] - np.where(plus[here] > 0, at_most[plus[here] - 1], 0)
        p[here] = np.minimum(2 * np.minimum(less, greater) / at_most[-1], 1.0)
    return p


def _positive_rank_sums(ranks: np.ndarray) -> np.ndarray:
    """How many of the 2^n sign patterns give each sum of the positive ones among `ranks` [n], integers."""
    patterns = np.zeros(ranks.sum() + 1, np.int64)
    patterns[0] = 1
    for rank in ranks:
        patterns[rank:] += patterns[: len(patterns) - rank].copy()
    return patterns
