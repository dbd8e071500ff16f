"""Where the scatter of a pair's differences comes from: other datasets, or other seeds on the same dataset.

Model: on dataset d the difference of the seed means is delta + u_d + e_d, where u_d is how much the true difference of
that dataset departs from the mean one (standard deviation `sd_datasets`) and e_d is what the finite number of seeds
adds (variance sd_seeds^2 (1/n_a + 1/n_b)).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from dynconv.stats.means import differences, rounded, seed_means

_UPPER = 0.8  # confidence of the upper limit (Browne 1995)


@dataclass(frozen=True)
class Components:
    """What a pilot says of a pair; NaN where it cannot say it.

    `n_datasets` datasets have a value of both variants, `differences` are those of their seed means [datasets], and
    `n_seeds` is the fewest runs that a variant has in one of them.  `sd_datasets` needs two datasets and a repeated
    seed, `sd_seeds` a repeated seed.  `sd_total` is the standard deviation of the difference that the pair's test sees
    with the seeds of the pilot, `freedom` its degrees of freedom.
    """

    n_datasets: int
    n_seeds: int
    sd_datasets: float
    sd_seeds: float
    sd_total: float
    freedom: int
    differences: np.ndarray = field(compare=False)

    @property
    def upper(self) -> float:
        """Factor from a standard deviation to its upper 80 % confidence limit; NaN without degrees of freedom."""
        if self.freedom < 1:
            return np.nan
        return float(np.sqrt(self.freedom / stats.chi2.ppf(1 - _UPPER, self.freedom)))


def components(a: np.ndarray, b: np.ndarray) -> Components:
    """Variance components of a pair, by the method of moments.

    `a` and `b` are [datasets, seeds], NaN where there is no run.  Datasets without a run of both are left out.  The
    variance between datasets is that of the differences less what the seeds explain of it, at least 0: with few
    datasets a 0 means that the seeds alone could explain the scatter, not that datasets do not differ.  A cell with a
    single seed takes the pooled variance of its variant.  This equals the analysis of variance where all cells have
    equally many seeds, needs no iteration, and holds for variances that differ between cells.

    With one dataset `sd_total` is that of a difference of two means of `n_seeds` runs each.
    """
    mean_a, mean_b = seed_means(a), seed_means(b)
    both = ~np.isnan(mean_a) & ~np.isnan(mean_b)
    n = int(both.sum())
    if n == 0:
        return Components(0, 0, np.nan, np.nan, np.nan, 0, np.empty(0))
    difference = differences(mean_a[both], mean_b[both])
    cells = [_seeds(values[both], mean[both]) for values, mean in ((a, mean_a), (b, mean_b))]
    n_seeds = int(min(count.min() for count, _, _ in cells))
    repeated = [pooled for _, _, pooled in cells if not np.isnan(pooled)]
    seed_variance = float(np.mean(repeated)) if repeated else np.nan
    sd_seeds = float(np.sqrt(seed_variance))
    if n == 1:
        freedom = int(sum(count[0] - 1 for count, _, _ in cells))
        return Components(
            1, n_seeds, np.nan, sd_seeds, float(np.sqrt(2 * seed_variance / n_seeds)), freedom, difference
        )
    scale = max(np.abs(mean_a[both]).max(), np.abs(mean_b[both]).max())
    observed = float(np.var(difference, ddof=1))
    if not repeated:
        return Components(n, n_seeds, np.nan, np.nan, _sd(observed, scale), n - 1, difference)
    noise = sum(
        np.mean(np.where(np.isnan(cell), seed_variance if np.isnan(pooled) else pooled, cell) / count)
        for count, cell, pooled in cells
    )
    between = max(0.0, observed - float(noise))
    total = _sd(between + 2 * seed_variance / n_seeds, scale)
    return Components(n, n_seeds, _sd(between, scale), _sd(seed_variance, scale), total, n - 1, difference)


def _seeds(values: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Of one variant's [datasets, seeds]: runs, variance of each dataset (NaN for one run), and the pooled variance."""
    count = np.sum(~np.isnan(values), axis=1)
    deviation = values - mean[:, None]
    # A constant cell is constant: the last bits of its mean are no spread.
    squares = np.nansum(rounded(deviation, np.broadcast_to(mean[:, None], values.shape)) ** 2, axis=1)
    several = count > 1
    pooled = float(squares.sum() / (count[several] - 1).sum()) if several.any() else np.nan
    return count, np.where(several, squares / np.where(several, count - 1, 1), np.nan), pooled


def _sd(variance: float, scale: float) -> float:
    return float(rounded(np.array(np.sqrt(variance)), np.array(scale)))
