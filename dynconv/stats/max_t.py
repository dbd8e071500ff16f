"""Romano and Wolf's step-down max-T: an adjustment that knows how the tests depend on each other.

All pairs share variants, so their tests move together; Holm's adjustment must guard against the worst dependence, this
one sees the actual one, because the sign of a dataset is flipped in all pairs at once.
"""

import numpy as np

from dynconv.stats.permutation import EXACT_UP_TO

_BLOCK = 1 << 21  # numbers held at once
_EQUAL = 1e-12  # statistics between 0 and 1 that differ by less differ by the order of summation only


def romano_wolf(differences: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """Adjusted two-sided p [pairs] of the mean differences of [pairs, datasets], NaN where a pair lacks a dataset.

    The statistic is |mean| / standard error, both recomputed after every flip.  The pairs are taken in descending order
    of it; each p is the share of sign patterns in which the largest statistic among this pair and those after it
    reaches the pair's own, and never less than the p before it (Romano & Wolf 2005, JASA 100:94-108; 2016,
    Statistics & Probability Letters 113:38-40).

    All sign patterns are counted while at most 16 datasets differ in any pair; beyond, `resamples` patterns are drawn
    with `seed`, the observed one counted among them, so that p is never 0 (Phipson & Smyth 2010).  A pair of few
    datasets never gets less than all of its own sign patterns could give, 2^(1 - n), however the draws fall.

    NaN for a pair without a difference, or with fewer than two datasets: it has no statistic, so it can neither be
    rejected nor add to a maximum.  A pair with very few datasets has large statistics under many patterns, which makes
    the other p-values larger.

    It assumes that on each dataset the differences of all pairs whose hypotheses are true are symmetric about zero
    together: turning all their signs at once changes nothing.
    """
    differences = np.asarray(differences, float)
    n = np.sum(~np.isnan(differences), axis=1)
    filled = np.nan_to_num(differences, nan=0.0)
    largest = np.abs(filled).max(axis=1, initial=0.0)
    tested = (n >= 2) & (largest > 0)
    adjusted = np.full(len(n), np.nan)
    if not tested.any():
        return adjusted
    unit = filled[tested] / largest[tested, None]  # so that squares neither overflow nor vanish
    unit /= np.sqrt((unit**2).sum(axis=1, keepdims=True))
    unit, n = unit[:, unit.any(axis=0)], n[tested]
    observed = _statistic(unit.sum(axis=1)[None], n)[0]
    order = np.argsort(-observed, kind="stable")
    unit, n, observed = unit[order], n[order], observed[order]

    datasets = unit.shape[1]
    exact = datasets <= EXACT_UP_TO
    # A pattern and its opposite have the same statistics, so the first dataset's sign can stay as it is.
    patterns = 2 ** (datasets - 1) if exact else resamples
    rng = np.random.default_rng(seed)
    reached = np.zeros(len(n), int) if exact else np.ones(len(n), int)
    block = max(1, _BLOCK // max(unit.shape))
    for start in range(0, patterns, block):
        count = min(block, patterns - start)
        if exact:
            flipped = (np.arange(start, start + count)[:, None] << 1 >> np.arange(datasets)) & 1
        else:
            flipped = rng.integers(2, size=(count, datasets), dtype=np.int8)
        statistics = _statistic((1.0 - 2.0 * flipped) @ unit.T, n)
        remaining = np.maximum.accumulate(statistics[:, ::-1], axis=1)[:, ::-1]
        reached += (remaining >= observed - _EQUAL).sum(axis=0)
    p = np.maximum.accumulate(np.maximum(reached / (patterns if exact else patterns + 1), 2.0 ** (1 - n)))
    adjusted[np.flatnonzero(tested)[order]] = p
    return adjusted


def _statistic(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 that grows with |mean| / standard error, by one rule for all pairs.

    With u = sum^2 / (n sum of squares), t^2 = (n - 1) u / (1 - u); flips leave the sum of squares, here 1, as it is.
    Returned is t^2 / (t^2 + max n - 1): finite where all differences are equal, and as exact as u itself.

    Args:
        sums: [patterns, pairs], of differences whose squares sum to 1.
        n: datasets of each pair.
    """
    share = np.minimum(sums**2 / n, 1.0)
    if n.min() == n.max():
        return share
    between = (n - 1) * share
    return between / (between + (n.max() - 1) * (1.0 - share))
