"""Many tests at once: Holm's step-down adjustment, and what it leaves possible."""

from itertools import count

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-adjusted p-values of one family (Holm 1979), never above 1.

    A NaN stays NaN but counts as a test of the family: the family was declared before the data were seen.
    """
    p = np.asarray(p, float)
    filled = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(filled, kind="stable")
    steps = filled[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return np.where(np.isnan(p), np.nan, adjusted)


def floor(n: int) -> float:
    """The least two-sided p of an exact paired test over `n` datasets: both one-sided orders of 2^n sign patterns."""
    return min(1.0, 2.0 ** (1 - n))


def datasets_needed(family_size: int, alpha: float) -> int:
    """The fewest datasets whose floor, Holm-adjusted for `family_size` tests, is below `alpha`."""
    return next(n for n in count(1) if family_size * floor(n) < alpha)
