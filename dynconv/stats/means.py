"""Means over seeds, with exact ties kept.

Two variants that classify the same number of examples correctly have equal accuracies, but float sums in another order
differ in the last bits; ranking those differences breaks the tie.  So means, and the paired differences of unrounded
means, are rounded to 12 digits, counted from the magnitude of the numbers that went in, before anything is ranked.
"""

import numpy as np
from scipy import stats

DIGITS = 12


def rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """`values` rounded to 12 digits of `scale` (same shape): to 1e-12 where scale is in (0.1, 1]; NaN stays."""
    scale = np.abs(scale)
    usable = np.isfinite(scale) & (scale > 0)
    factor = 10.0 ** (DIGITS - np.ceil(np.log10(np.where(usable, scale, 1.0))))
    return np.round(values * factor) / factor


def seed_means(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis (seeds) of [..., seeds], not rounded; NaN left out, NaN where nothing is left."""
    count = np.sum(~np.isnan(values), axis=-1)
    return np.nansum(values, axis=-1) / np.where(count, count, np.nan)


def tied(means: np.ndarray) -> np.ndarray:
    """`means` to 12 digits, so that equal results are equal numbers: what may be ranked or printed."""
    return rounded(means, means)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Paired differences a - b of unrounded means [datasets], to 12 digits of the larger mean.

    Differences of rounded means would be off by one in the 12th digit and break ties among each other.
    """
    return rounded(a - b, np.maximum(np.abs(a), np.abs(b)))


def spread(values: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard deviation over seeds (n - 1) and the 1 - alpha Student t interval of the mean, of [..., seeds].

    NaN with fewer than two seeds: one run says nothing of its own spread.
    """
    mean = seed_means(values)
    count = np.sum(~np.isnan(values), axis=-1)
    freedom = np.where(count > 1, count - 1, np.nan)
    sd = rounded(np.sqrt(np.nansum((values - mean[..., None]) ** 2, axis=-1) / freedom), mean)
    half = stats.t.ppf(1 - alpha / 2, freedom) * sd / np.sqrt(np.where(count > 1, count, np.nan))
    return sd, mean - half, mean + half
