"""Do the variants differ at all?  A description: the pairwise tests do not wait for it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

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
