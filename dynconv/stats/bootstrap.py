"""Two-level bootstrap of a mean difference: one interval for new datasets, one for new seeds on these datasets.

The two levels are two questions and are kept apart.  Population: whole datasets are drawn, each with the seeds that it
has.  The spread of the observed differences between datasets already holds the noise of their seeds, so drawing seeds
once more would count it twice (Davison & Hinkley 1997, section 3.8).  Fixed: the datasets stay and the seeds are drawn
within each dataset and variant.
"""

import numpy as np
from scipy import special

from dynconv.stats.draws import Draws
from dynconv.stats.means import differences, rounded, seed_means

FROM_DATASETS = 5  # fewer datasets have too few resamples for quantiles: with 3, one in nine has no spread at all
MOST = 3.0  # an end moves at most to this multiple of Student's: resamples without spread have infinite t


def population_interval(difference: np.ndarray, *, alpha: float, draws: Draws) -> tuple[float, float]:
    """Interval of confidence 1 - alpha for the mean difference on datasets like these.

    `difference` are the differences of seed means [datasets].  Student's t interval, which is exact for normal
    differences, whatever part of them is seed noise; its standard error is that of the bootstrap of datasets with
    n / (n - 1), in closed form (Efron & Tibshirani 1993, chapter 5).  Skewed differences need a longer end on one side:
    each end moves outwards, never inwards, to that of the bootstrap-t (Efron & Tibshirani 1993, section 12.5; Hall
    1988), by the share 1 - 4 / n of the way, since quantiles of few datasets are wild.  The weight was chosen by
    simulation.

    Returns:
        (low, high); (NaN, NaN) with fewer than two datasets.
    """
    n = len(difference)
    if n < 2:
        return np.nan, np.nan
    mean = difference.mean()
    centred = difference - mean
    error = np.sqrt((centred**2).mean() / (n - 1))
    student = special.stdtrit(n - 1, 1 - alpha / 2)  # Student's quantile, without the cost of stats.t
    lower = upper = student  # how many standard errors each end is away from the mean
    if n >= FROM_DATASETS and error > 0:
        t = _resampled_t(centred, draws)
        high, low = np.quantile(t, [1 - alpha / 2, alpha / 2], method="closest_observation")
        weight = 1 - (FROM_DATASETS - 1) / n
        lower += weight * (np.clip(high, student, MOST * student) - student)
        upper += weight * (np.clip(-low, student, MOST * student) - student)
    return _ends(mean - lower * error, mean + upper * error, np.abs(difference).max())


def _resampled_t(centred: np.ndarray, draws: Draws) -> np.ndarray:
    """Student's t of every resample [resamples] of `centred` [datasets], whose mean is 0."""
    n = len(centred)
    moments = np.stack([centred, centred**2], axis=1)
    mean, square = np.concatenate([counts @ moments for counts in draws.counts(n)]).T / n
    variance = square - mean**2
    variance[variance <= 1e-12 * square.max()] = 0  # one dataset drawn n times, up to rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(mean / np.sqrt(variance / (n - 1)), nan=0.0, posinf=np.inf, neginf=-np.inf)


def fixed_interval(a: np.ndarray, b: np.ndarray, *, alpha: float) -> tuple[float, float]:
    """Interval of confidence 1 - alpha for the mean difference over these very datasets, on new seeds.

    `a` and `b` are [datasets, seeds], NaN where there is no run; each dataset needs a run of both.  Seeds of a and b
    are independent: equal seed numbers do not pair two different networks.  The standard error is that of the bootstrap
    of seeds within each cell, in closed form, so that it has no Monte-Carlo error; S / (S - 1) undoes the shrinkage of
    resampling S seeds.  Few seeds make it uncertain: Student's t with the degrees of freedom of Satterthwaite (1946),
    which for one dataset is Welch's interval.

    Returns:
        (low, high); (NaN, NaN) where a cell has a single run, whose variation is unknown.
    """
    variance, freedom = [], []
    for values in (a, b):
        count = np.sum(~np.isnan(values), axis=1)
        if count.min() < 2:
            return np.nan, np.nan
        mean = seed_means(values)
        variance.append(np.nansum((values - mean[:, None]) ** 2, axis=1) / (count - 1) / count)
        freedom.append(count - 1)
    cells, df = np.concatenate(variance), np.concatenate(freedom)
    total, center = cells.sum(), differences(seed_means(a), seed_means(b)).mean()
    half = 0.0
    if total > 0:
        share = cells / total
        half = special.stdtrit(1 / (share**2 / df).sum(), 1 - alpha / 2) * np.sqrt(total) / len(a)
    return _ends(center - half, center + half, max(np.nanmax(np.abs(a)), np.nanmax(np.abs(b))))


def _ends(low: float, high: float, scale: float) -> tuple[float, float]:
    """Both ends to 12 digits of `scale`: sums in another order give the same interval."""
    low, high = rounded(np.array([low, high]), np.full(2, scale))
    return float(low), float(high)
