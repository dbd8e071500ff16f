"""All datasets' scores in one number, and how many runs reach a score (Agarwal et al. 2021, NeurIPS; their rliable).

A description of these very datasets: seeds are drawn anew, datasets are not.  It needs a metric that means the same on
every dataset.  rliable itself is no dependency: it needs equally many seeds everywhere, ignores its `random_state`, and
its plain percentiles are too narrow for few seeds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from dynconv.stats.draws import named
from dynconv.stats.means import rounded, seed_means
from dynconv.stats.ranks import complete

STATISTICS = ("mean", "median", "iqm")
THRESHOLDS = 101
_DRAWN_UP_TO = 1 << 22  # runs drawn for a variant, in all its resamples together
_LEAST_RESAMPLES = 1000
_BLOCK = 1 << 16  # numbers held at once


@dataclass(frozen=True)
class _Runs:
    """One variant's runs on the complete datasets, one dataset after the other; each dataset weighs the same."""

    scores: np.ndarray  # [runs]
    seeds: np.ndarray  # runs of each dataset, [datasets]
    weights: np.ndarray  # of each run, [runs]: whole numbers, so that sums of them are exact

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.seeds) - self.seeds


def rows(
    values: np.ndarray, variants: Sequence[str], *, alpha: float, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table `aggregates` without its task: mean, median and interquartile mean of each variant.

    Mean and median are those of the datasets' means over seeds.  The interquartile mean is the mean of the middle half
    of all runs, a quarter cut off at either end (rounded down, as scipy's `trim_mean` does).  Where datasets have
    different numbers of seeds, each run weighs one over its dataset's number, and a quarter of the weight is cut off, a
    run at the edge in part: the same as repeating every dataset's runs until all have equally many.

    Intervals of confidence 1 - alpha are percentiles of a bootstrap of seeds within datasets, each variant's with a
    stream of its own, widened for few seeds (`_tail`).  They are NaN where no dataset has two seeds.  For large tables
    the resamples are fewer than asked for: as many as draw 4.2 million runs for a variant, but at least 1000.

    Args:
        values: [variants, datasets, seeds] as measured (nothing here depends on which direction is better), NaN where
            there is no run.  Only datasets on which every variant has a run are used.
        variants: names of the first axis.
        alpha: 1 - confidence.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same bytes.
    """
    used = complete(seed_means(values))
    coverage = {"n_datasets": int(used.sum()), "coverage": float(used.mean()) if used.size else math.nan}
    result = []
    for variant, own in zip(variants, values[:, used], strict=True):
        value = low = high = np.full(len(STATISTICS), np.nan)
        if used.any():
            runs = _runs(own)
            value = _statistics(runs, np.arange(len(runs.scores))[None])[0]
            drawn = [_statistics(runs, rows) for rows in _draws(runs, variant, resamples, seed)]
            low, high = _interval(drawn, value, runs.seeds, alpha)
            scale = np.full(len(STATISTICS), np.abs(runs.scores).max())
            value, low, high = rounded(value, scale), rounded(low, scale), rounded(high, scale)
        for i, statistic in enumerate(STATISTICS):
            numbers = {"value": float(value[i]), "ci_low": float(low[i]), "ci_high": float(high[i])}
            result.append({"variant": variant, "statistic": statistic, **numbers, **coverage})
    return result


def profile_rows(
    values: np.ndarray, variants: Sequence[str], *, alpha: float, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table `performance_profiles` without its task: the share of runs above each of up to 101 thresholds.

    The thresholds are evenly spaced from the least to the largest score of all variants, one if all are equal.  The
    share above one is averaged over datasets, so that each weighs the same.  Arguments, datasets used and intervals as
    in `rows`; an interval holds for its threshold alone.  No rows without a complete dataset.
    """
    used = complete(seed_means(values))
    if not used.any():
        return []
    coverage = {"n_datasets": int(used.sum()), "coverage": float(used.mean())}
    least, largest = np.nanmin(values[:, used]), np.nanmax(values[:, used])
    taus = np.linspace(least, largest, THRESHOLDS)
    # A threshold of .55 is to be the number .55, so that a score of .55 is not above it; the ends stay as they are.
    taus[1:-1] = rounded(taus[1:-1], np.full(THRESHOLDS - 2, max(abs(least), abs(largest))))
    taus = np.unique(np.clip(taus, least, largest))
    result = []
    for variant, own in zip(variants, values[:, used], strict=True):
        runs = _runs(own)
        share = _shares(runs, taus, np.arange(len(runs.scores))[None])[0]
        drawn = [_shares(runs, taus, rows) for rows in _draws(runs, variant, resamples, seed)]
        low, high = _interval(drawn, share, runs.seeds, alpha)
        result += [
            {"variant": variant, "tau": tau, "share": at, "ci_low": from_, "ci_high": to, **coverage}
            for tau, at, from_, to in zip(taus.tolist(), share.tolist(), low.tolist(), high.tolist(), strict=True)
        ]
    return result


def _runs(values: np.ndarray) -> _Runs:
    """Of one variant's [datasets, seeds], each dataset with a run."""
    values = np.sort(values, axis=1)  # NaN goes last; which seed had which score does not matter
    present = ~np.isnan(values)
    seeds = present.sum(axis=1)
    weight = math.lcm(*seeds.tolist()) // seeds.astype(object)
    return _Runs(values[present], seeds, np.repeat(weight.astype(float), seeds))


def _draws(runs: _Runs, variant: str, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks [resamples, runs] of indices: each dataset's runs drawn with replacement from that dataset's.

    The stream depends on the variant's name, not on which other variants are in the table.  Nothing without two seeds.
    """
    size = len(runs.scores)
    if runs.seeds.max() == 1:
        return
    rng = named(seed, variant)
    resamples = min(resamples, max(_LEAST_RESAMPLES, _DRAWN_UP_TO // size))
    first, choices = np.repeat(runs.starts, runs.seeds), np.repeat(runs.seeds, runs.seeds)
    block = max(1, _BLOCK // size)
    for start in range(0, resamples, block):
        drawn = rng.random((min(block, resamples - start), size))
        drawn *= choices
        yield first + drawn.astype(np.intp)


def _statistics(runs: _Runs, drawn: np.ndarray) -> np.ndarray:
    """Mean, median and interquartile mean of each row of `drawn` [resamples, runs]: [resamples, 3]."""
    means = np.add.reduceat(runs.scores[drawn], runs.starts, axis=1) / runs.seeds
    order = np.argsort(runs.scores, kind="stable")
    place = np.empty(len(order), np.uint16 if len(order) <= 1 << 16 else np.uint32)  # small integers sort fastest
    place[order] = np.arange(len(order))
    drawn = np.sort(place[drawn], axis=1)
    reached = np.cumsum(runs.weights[order][drawn], axis=1)
    total = runs.weights.sum()
    cut = total // 4
    kept = np.diff(np.clip(reached, cut, total - cut), axis=1, prepend=cut)
    middle = (kept * runs.scores[order][drawn]).sum(axis=1) / (total - 2 * cut)
    return np.column_stack([means.mean(axis=1), np.median(means, axis=1), middle])


def _shares(runs: _Runs, taus: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Weighted share of the runs of each row of `drawn` that is above each of `taus`: [resamples, taus]."""
    bins = len(taus) + 1
    exceeded = np.searchsorted(taus, runs.scores, side="left")  # how many thresholds a run is above
    cells = exceeded[drawn] + bins * np.arange(len(drawn))[:, None]
    weights = np.broadcast_to(runs.weights, drawn.shape)  # a dataset's runs all weigh the same
    mass = np.bincount(cells.ravel(), weights.ravel(), bins * len(drawn)).reshape(len(drawn), bins)
    return mass[:, ::-1].cumsum(axis=1)[:, -2::-1] / runs.weights.sum()


def _interval(drawn: list[np.ndarray], value: np.ndarray, seeds: np.ndarray, alpha: float) -> np.ndarray:
    """Low and high [2, statistics] of `value` [statistics], from blocks [resamples, statistics]; NaN without any."""
    if not drawn:
        return np.full((2, len(value)), np.nan)
    tail = _tail(seeds, alpha)
    return np.quantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)


def _tail(seeds: np.ndarray, alpha: float) -> float:
    """The percentile that stands for alpha / 2, of a bootstrap within datasets of so many `seeds`.

    Drawing n seeds from n varies less than n new seeds would, by (n - 1) / n, and few seeds know their variance badly.
    As Hesterberg's (2015, "expanded percentile") for one sample, this makes up for both, as if the seeds of all
    datasets varied alike: sum(n - 1) degrees of freedom, and the ratio of the variances of the mean over datasets.
    """
    ratio = (1 / seeds).sum() / ((seeds - 1) / seeds**2).sum()
    return float(stats.norm.cdf(math.sqrt(ratio) * stats.t.ppf(alpha / 2, (seeds - 1).sum())))
