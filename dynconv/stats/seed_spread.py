"""What a pair's seeds say of each dataset: the difference of the means, and how far training alone moves it."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from dynconv.stats.means import differences, seed_means

_NEVER_VARIES = 1e6  # degrees of freedom that stand for infinitely many


@dataclass(frozen=True)
class SeedSpread:
    """One pair on the datasets where its spread over seeds is known; arrays [datasets].

    The two variants share a seed standard deviation within a dataset.  With equally many seeds this gives Welch's
    standard error of the difference, whether they do or not.
    """

    difference: np.ndarray  # mean of a - mean of b
    weight: np.ndarray  # 1 / (1 / seeds of a + 1 / seeds of b): variance of the difference = seed variance / weight
    squares: np.ndarray  # squared deviations from each variant's own mean, summed over both
    freedom: np.ndarray  # runs of both - 2
    widest: float  # the largest difference between a run of a and a run of b of one dataset


def seed_spread(a: np.ndarray, b: np.ndarray) -> SeedSpread | None:
    """Summarise `a` and `b` [datasets, seeds], NaN where there is no run.

    Runs are independent: equal seed numbers do not pair two different networks.  Datasets on which either variant has
    no run, or each has a single one, are left out.  Where all runs of a variant agree on a dataset, in both variants,
    a spread of zero would claim a measurement without error; the dataset then gets the smallest variance that any
    other dataset of the pair shows.

    Returns:
        None when no dataset shows any spread.
    """
    runs_a, runs_b = np.sum(~np.isnan(a), axis=1), np.sum(~np.isnan(b), axis=1)
    known = (runs_a > 0) & (runs_b > 0) & (runs_a + runs_b > 2)
    a, b, runs_a, runs_b = a[known], b[known], runs_a[known], runs_b[known]
    if not known.any():
        return None
    mean_a, mean_b = seed_means(a), seed_means(b)
    freedom = runs_a + runs_b - 2
    squares = np.nansum((a - mean_a[:, None]) ** 2, axis=1) + np.nansum((b - mean_b[:, None]) ** 2, axis=1)
    magnitude = np.maximum(np.nanmax(np.abs(a), axis=1), np.nanmax(np.abs(b), axis=1))
    varies = squares > freedom * (1e-12 * magnitude) ** 2  # anything less is rounding
    if not varies.any():
        return None
    squares = np.where(varies, squares, freedom * (squares / freedom)[varies].min())
    ends = np.stack([np.nanmax(a, axis=1) - np.nanmin(b, axis=1), np.nanmax(b, axis=1) - np.nanmin(a, axis=1)])
    return SeedSpread(differences(mean_a, mean_b), 1 / (1 / runs_a + 1 / runs_b), squares, freedom, float(ends.max()))


def common_variance(spread: SeedSpread) -> tuple[float, float]:
    """Scaled inverse chi-square distribution of the datasets' seed variances: degrees of freedom and scale.

    Moments of the logarithms of the sample variances (Smyth 2004, section 6).  1e6 degrees of freedom stand for
    infinitely many: the sample variances differ no more than chance would make them.
    """
    half = spread.freedom / 2
    log = np.log(spread.squares / spread.freedom) - special.digamma(half) + np.log(half)
    excess = -np.inf
    if len(log) > 1:
        excess = np.mean((log - log.mean()) ** 2) * len(log) / (len(log) - 1) - special.polygamma(1, half).mean()
    prior = _NEVER_VARIES
    if excess > special.polygamma(1, _NEVER_VARIES / 2):
        prior = 2 * np.exp(optimize.brentq(lambda x: special.polygamma(1, np.exp(x)) - excess, -20, 15))
    scale = np.exp(log.mean() + special.digamma(prior / 2) - np.log(prior / 2))
    return float(prior), float(scale)
