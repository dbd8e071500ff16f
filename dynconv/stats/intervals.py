"""Intervals of effect sizes that hold with few datasets and at the ends of the scale."""

from functools import lru_cache

import numpy as np
from scipy import special

from dynconv.stats import effects

EXACT_UP_TO = 50  # datasets; the signed-rank statistic is counted exactly up to here, as scipy does


def hodges_lehmann_interval(differences: np.ndarray, alpha: float) -> tuple[float, float]:
    """Interval of the centre of symmetry: the shifts of `differences` [datasets] that the signed-rank test keeps.

    The c-th smallest and c-th largest Walsh average, for the largest c with P(T+ < c) <= alpha / 2 (Hollander, Wolfe &
    Chicken 2014, section 3.3): exact up to 50 datasets, the normal approximation beyond.  Equal differences and
    zeros stay in: the interval includes its ends, and then ties can only raise its confidence (Pratt & Gibbons 1981).

    Returns:
        (low, high); (NaN, NaN) where so few datasets cannot give this confidence: fewer than 6 for 95 %.
    """
    n = len(differences)
    if n > EXACT_UP_TO:
        sd = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        c = int(np.floor(n * (n + 1) / 4 + 0.5 - special.ndtri(1 - alpha / 2) * sd))
    else:
        c = int(np.searchsorted(_signed_rank_cdf(n), alpha / 2, side="right"))
    if c < 1:
        return np.nan, np.nan
    walsh = effects.walsh_averages(differences)
    ends = np.partition(walsh, (c - 1, len(walsh) - c))
    return float(ends[c - 1]), float(ends[len(walsh) - c])


@lru_cache(maxsize=EXACT_UP_TO + 1)
def _signed_rank_cdf(n: int) -> np.ndarray:
    """P(T+ <= t) for t = 0, 1, ... n (n + 1) / 2 without ties, by adding one rank after another."""
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return np.cumsum(ways) / 2.0**n


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's (1927) score interval of a share (0-1) of `n` draws; n need not be whole; (0, 1) for none."""
    if n <= 0:
        return 0.0, 1.0
    squared = quantile**2 / n
    centre = share + squared / 2
    half = np.sqrt(squared * share * (1 - share) + squared**2 / 4)
    return max(0.0, float((centre - half) / (1 + squared))), min(1.0, float((centre + half) / (1 + squared)))


def share_interval(share: float, units: np.ndarray, alpha: float) -> tuple[float, float]:
    """Interval of a share (0-1) that is a mean over `units` [n], each with a share of its own.

    Wilson's interval with the effective sample size n / deff, where deff compares the variance of the units with that
    of wins and losses: what surveys use for shares in clusters (Korn & Graubard 1998; Franco et al. 2019).  So it stays
    inside 0 and 1.  Few units that agree say little of their spread: deff counts half a unit at 0 and half at 1 besides
    (Jeffreys' prior), so that no interval shrinks to a point.  Both were chosen by simulation; with Student's quantile
    in place of the normal one, few units would cover almost always.

    Pseudo-values lie beyond 0 and 1 where one dataset alone differs: left out, it takes all evidence along.  Their mean
    is then at or beyond 1 (or 0), the effective size is 0, and the interval says so: (0, 1).
    """
    n = len(units)
    mean = (units.sum() + 0.5) / (n + 1)
    variance = ((units**2).sum() + 0.5) / (n + 1) - mean**2
    return wilson(share, n * mean * (1 - mean) / variance, special.ndtri(1 - alpha / 2))


def rank_biserial_interval(differences: np.ndarray, alpha: float) -> tuple[float, float]:
    """Interval of the rank-biserial correlation of `differences` [datasets] on datasets like these.

    (1 + r) / 2 is a share; its units are the pseudo-values of the jackknife over datasets (Efron & Stein 1981).  NaN
    with fewer than two datasets, and where a single one differs: without it there is no correlation, so no jackknife.
    """
    n = len(differences)
    if n < 2 or np.count_nonzero(differences) == 1:
        return np.nan, np.nan
    share = (1 + effects.rank_biserial(differences)) / 2
    left_out = (1 + effects.rank_biserial_left_out(differences)) / 2
    low, high = share_interval(share, n * share - (n - 1) * left_out, alpha)
    return 2 * low - 1, 2 * high - 1


def improvement_interval(a: np.ndarray, b: np.ndarray, deltas: np.ndarray, alpha: float) -> tuple[float, float]:
    """Interval of the mean over datasets of P(a > b) + P(a = b) / 2, on datasets like these and new seeds.

    `a` and `b` are [datasets, seeds], NaN where there is no run; `deltas` is their `effects.dataset_deltas`, whose
    spread holds the noise of seeds.  With one dataset: of its seeds, by the variance and degrees of freedom of
    Brunner & Munzel (2000); NaN where it has a single run of either.
    """
    if len(deltas) > 1:
        shares = (1 + deltas) / 2
        return share_interval(shares.mean(), shares, alpha)
    runs_a, runs_b = a[0][~np.isnan(a[0])], b[0][~np.isnan(b[0])]
    counts = np.array([len(runs_a), len(runs_b)])
    if counts.min() < 2:
        return np.nan, np.nan
    wins = (1 + effects.dominance(runs_a[None], runs_b[None])[0]) / 2
    variances = np.array([wins.mean(axis=1).var(ddof=1), wins.mean(axis=0).var(ddof=1)]) / counts
    share, total = wins.mean(), variances.sum()
    if total == 0:  # every run of a beats every one of b, or none does, or all are equal
        return wilson(share, counts.min(), special.stdtrit(counts.min() - 1, 1 - alpha / 2))
    freedom = total**2 / (variances**2 / (counts - 1)).sum()
    return wilson(share, share * (1 - share) / total, special.stdtrit(freedom, 1 - alpha / 2))


def prob_a_better_interval(differences: np.ndarray, alpha: float) -> tuple[float, float]:
    """Interval of the share of datasets won, ties as half, of `differences` [datasets], on datasets like these.

    Without ties it is Wilson's.  With ties it covers as well as Tango's (1998) score interval for two paired shares and
    is narrower.  NaN with fewer than two datasets.
    """
    if len(differences) < 2:
        return np.nan, np.nan
    outcomes = (1 + np.sign(differences)) / 2
    return share_interval(outcomes.mean(), outcomes, alpha)
