"""Two-level bootstrap of a mean difference: datasets are drawn, then seeds within each drawn dataset."""

import numpy as np
from scipy import stats

from dynconv.stats.means import rounded

_BLOCK = 1 << 21  # numbers held at once


def mean_difference_interval(
    a: np.ndarray, b: np.ndarray, *, alpha: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Interval of confidence 1 - alpha for the mean over datasets of the difference of seed means.

    `a` and `b` are [datasets, seeds], NaN where there is no run; each dataset needs a run of both.  Seeds of a and b
    are drawn independently: equal seed numbers do not pair two different networks.  With one dataset only seeds are
    drawn, and the interval speaks of this dataset alone.  The same `seed` gives the same interval, bit for bit.

    The percentiles are widened for few units as in Hesterberg (2015, "expanded percentile"): plain percentiles ignore
    both the n - 1 and the t quantile.

    Returns:
        (low, high); (NaN, NaN) where there is nothing to draw: one dataset with a single seed of either variant.
    """
    n = len(a)
    a, b = np.sort(a, axis=1), np.sort(b, axis=1)  # NaN goes last
    seeds_a, seeds_b = np.sum(~np.isnan(a), axis=1), np.sum(~np.isnan(b), axis=1)
    units = n if n > 1 else int(min(seeds_a[0], seeds_b[0]))
    if units < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // (n * max(seeds_a.max(), seeds_b.max())))
    drawn = []
    for start in range(0, resamples, block):
        rows = rng.integers(n, size=(min(block, resamples - start), n))
        drawn.append((_redraw(a, seeds_a, rows, rng) - _redraw(b, seeds_b, rows, rng)).mean(axis=1))
    tail = _expanded_tail(units, alpha)
    ends = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    low, high = rounded(ends, np.full(2, max(np.nanmax(np.abs(a)), np.nanmax(np.abs(b)))))
    return float(low), float(high)


def _redraw(values: np.ndarray, seeds: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of freshly drawn seeds for every drawn dataset: [resamples, datasets], of `values` [datasets, seeds]."""
    most = int(seeds.max())
    if most == 1:
        return values[rows, 0]
    available = seeds[rows][..., None]
    pick = (rng.random((*rows.shape, most)) * available).astype(np.intp)
    drawn = values.ravel()[rows[..., None] * values.shape[1] + pick]
    if (seeds < most).any():  # a dataset with fewer seeds averages only as many draws
        drawn = np.where(np.arange(most) < available, drawn, 0.0)
    return drawn.sum(axis=-1) / seeds[rows]


def _expanded_tail(n: int, alpha: float) -> float:
    return float(stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(alpha / 2, n - 1)))
