"""Runs of one variant against runs of another on one dataset: Welch's t test and the exact permutation test.

The runs are not paired.  Seed 3 of one network and seed 3 of another share a number, not a starting point: the number
fixes weights of other shapes, so that the two results are independent draws.
"""

import warnings
from functools import lru_cache
from itertools import chain, combinations
from math import comb
from typing import NamedTuple

import numpy as np
from scipy import stats

from dynconv.stats.floors import seed_floor
from dynconv.stats.means import DIGITS

EXACT_SPLITS = 200_000  # all of them are counted up to here (10 runs against 10: 184,756); beyond, they are sampled


class Welch(NamedTuple):
    """Welch's test of a difference of means (t, degrees of freedom, two-sided p) and its interval; NaN: undefined."""

    t: float
    df: float
    p: float
    low: float
    high: float


def welch(a: np.ndarray, b: np.ndarray, *, alpha: float) -> Welch:
    """Welch's (1947) unequal-variances t test of runs `a` [n] and `b` [m], with the interval of confidence 1 - alpha.

    All NaN where either has fewer than two runs, or where neither varies to 12 digits: no spread, no t.
    """
    if min(len(a), len(b)) < 2 or (_constant(a) and _constant(b)):
        return Welch(*[np.nan] * 5)
    with warnings.catch_warnings():  # scipy warns where one of them is constant, but then its answer is exact enough
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(1 - alpha)
    return Welch(*map(float, (test.statistic, test.df, test.pvalue, interval.low, interval.high)))


def permutation_p(a: np.ndarray, b: np.ndarray, *, resamples: int, rng: np.random.Generator) -> float:
    """Two-sided p of the difference of means when runs `a` [n] and `b` [m] are exchanged between the variants.

    The share of splits of the n + m runs into n and m whose means differ as much as observed, or more (Fisher 1935;
    Pitman 1937).  All splits while there are at most 200,000, else `resamples` of them drawn with `rng`, the observed
    one counted among them (Phipson & Smyth 2010).  Differences that agree to 12 digits of the values are equal: sums
    in another order are.  Own code, because scipy's `permutation_test` has no such tolerance, doubles the smaller tail
    where n and m differ, and does not share the splits among pairs.  NaN without runs.
    """
    n, m = len(a), len(b)
    if not n or not m:
        return np.nan
    pooled = np.concatenate([a, b])
    centred = pooled - pooled.mean()  # so the difference of means is the sum of the first group, up to a factor
    least = abs(centred[:n].sum()) - _tolerance(pooled) * len(pooled)
    if comb(n + m, n) <= EXACT_SPLITS:
        return float(np.mean(np.abs(_splits(n, m) @ centred) >= least))
    order = rng.random((resamples, n + m)).argsort(axis=1)[:, :n]
    extreme = np.count_nonzero(np.abs(centred[order].sum(axis=1)) >= least)
    return (extreme + 1) / (resamples + 1)


def permutation_floor(n: int, m: int, *, resamples: int) -> float:
    """The least p that `permutation_p` can give for n and m runs, whatever their values; NaN without runs."""
    if not n or not m:
        return np.nan
    return seed_floor(n, m) if comb(n + m, n) <= EXACT_SPLITS else 1 / (resamples + 1)


@lru_cache(maxsize=4)
def _splits(n: int, m: int) -> np.ndarray:
    """The splits as rows of zeros and ones [splits, n + m]; with n = m the half that has the first run in it.

    The other half are the mirror images, whose sums differ in sign only.
    """
    half = n == m
    chosen = combinations(range(1, n + m), n - 1) if half else combinations(range(n + m), n)
    count = comb(n + m, n) // 2 if half else comb(n + m, n)
    columns = np.fromiter(chain.from_iterable(chosen), np.intp).reshape(count, n - half)
    rows = np.zeros((count, n + m))
    np.put_along_axis(rows, columns, 1.0, axis=1)
    if half:
        rows[:, 0] = 1.0
    return rows


def _tolerance(values: np.ndarray) -> float:
    return float(10.0**-DIGITS * np.abs(values).max())


def _constant(values: np.ndarray) -> bool:
    return float(np.ptp(values)) <= _tolerance(values)
