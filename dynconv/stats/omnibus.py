"""Do the variants differ at all?  A description: the pairwise tests do not wait for it.

Friedman's test is scipy's.  scipy, statsmodels and scikit-posthocs lack the other three (scikit-posthocs has only the
comparisons that follow Quade's), so they are computed here.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dynconv.stats.means import rounded
from dynconv.stats.ranks import complete


@dataclass(frozen=True)
class Omnibus:
    """One test; NaN (and `df2` of a chi-square) where it does not exist."""

    test: str
    statistic: float
    df1: float
    df2: float
    p: float


def friedman(means: np.ndarray) -> Omnibus:
    """Friedman's chi-square, corrected for ties, over the complete datasets of [variants, datasets].

    NaN with fewer than three variants, two complete datasets or any difference in rank: the test does not exist.
    """
    means = means[:, complete(means)]
    k, n = means.shape
    statistic = p = math.nan
    if k >= 3 and n >= 2 and np.ptp(means, axis=0).any():
        statistic, p = map(float, stats.friedmanchisquare(*means))
    return Omnibus("friedman", statistic, float(k - 1), math.nan, p)


def iman_davenport(chi_square: float, n: int, k: int) -> Omnibus:
    """Iman and Davenport's F from Friedman's chi-square over `n` datasets and `k` variants (1980; less conservative).

    NaN from a NaN, and when every dataset ranks the variants alike: F is infinite there, and only Friedman's p stands.
    """
    df1, df2 = float(k - 1), float((k - 1) * max(n - 1, 0))
    room = n * (k - 1) - chi_square
    if room <= 1e-9 * n * k:
        return Omnibus("iman_davenport", math.nan, df1, df2, math.nan)
    statistic = (n - 1) * chi_square / room
    return Omnibus("iman_davenport", statistic, df1, df2, float(stats.f.sf(statistic, df1, df2)))


def aligned_ranks(means: np.ndarray) -> Omnibus:
    """Hodges and Lehmann's aligned-rank chi-square (1962), corrected for ties, of [variants, datasets].

    Each dataset's mean is taken away, then all values are ranked together: unlike Friedman's ranks, these tell a large
    difference from a small one.  Over the complete datasets; NaN as in `friedman`.  The statistic is the one of Garcia,
    Fernandez, Luengo & Herrera (2010, Information Sciences 180, section 2.2), with the sum of squares of the ranks that
    were given, tied or not, in place of the sum of squares of 1 to kn.
    """
    means = means[:, complete(means)]
    k, n = means.shape
    statistic = p = math.nan
    if k >= 3 and n >= 2 and np.ptp(means, axis=0).any():
        aligned = _equal_again(means - means.mean(axis=0), means)
        ranks = stats.rankdata(aligned).reshape(means.shape)
        between = ((ranks.sum(axis=1) - n * (k * n + 1) / 2) ** 2).sum()
        within = ((ranks - ranks.mean(axis=0)) ** 2).sum()
        statistic = float((k - 1) * between / within)
        p = float(stats.chi2.sf(statistic, k - 1))
    return Omnibus("aligned_ranks", statistic, float(k - 1), math.nan, p)


def quade(means: np.ndarray) -> Omnibus:
    """Quade's F (1979, JASA 74:680-683) of [variants, datasets]: Friedman's ranks, weighted by the rank of the range.

    A dataset on which the variants differ more counts for more.  Over the complete datasets; NaN as in `friedman`, and
    when the datasets rank the variants so much alike that F is infinite.
    """
    means = means[:, complete(means)]
    k, n = means.shape
    statistic = p = math.nan
    df1, df2 = float(k - 1), float((k - 1) * max(n - 1, 0))
    if k >= 3 and n >= 2 and np.ptp(means, axis=0).any():
        weight = stats.rankdata(_equal_again(np.ptp(means, axis=0), means))
        scores = weight * (stats.rankdata(means, axis=0) - (k + 1) / 2)
        total, between = (scores**2).sum(), (scores.sum(axis=1) ** 2).sum() / n
        if total - between > 1e-9 * total:
            statistic = float((n - 1) * between / (total - between))
            p = float(stats.f.sf(statistic, df1, df2))
    return Omnibus("quade", statistic, df1, df2, p)


def _equal_again(differences: np.ndarray, means: np.ndarray) -> np.ndarray:
    """`differences` [..., datasets] of `means` [variants, datasets] to 11 digits of a dataset's largest mean.

    A digit fewer than the means have (`dynconv.stats.means.tied`): differences of rounded numbers are off by one in the
    last, which would break ties between datasets.
    """
    level = np.abs(means).max(axis=0)
    return rounded(differences, np.broadcast_to(10 * level, differences.shape))
