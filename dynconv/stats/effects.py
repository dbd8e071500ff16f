"""How large a difference is: effect sizes of paired dataset means and of seeds.  Positive: a is better."""

import numpy as np
from scipy import stats


def hodges_lehmann(differences: np.ndarray) -> float:
    """Median of the averages of all pairs of `differences` [datasets], each with itself included (Walsh averages)."""
    first, second = np.triu_indices(len(differences))
    return float(np.median((differences[first] + differences[second]) / 2))


def signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Ranks of the absolute differences [datasets] with the differences' signs; zeros are ranked, then 0 (Pratt)."""
    return stats.rankdata(np.abs(differences)) * np.sign(differences)


def rank_biserial(differences: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation (R+ - R-) / (R+ + R-) (Kerby 2014); 0 when nothing differs."""
    ranks = signed_ranks(differences)
    total = np.abs(ranks).sum()
    return float(ranks.sum() / total) if total else 0.0


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> float:
    """P(a > b) - P(a < b) over pairs of seeds (Cliff 1993), averaged over datasets.

    `a` and `b` are [datasets, seeds], NaN where there is no run; each dataset needs a run of both.
    """
    greater = a[:, :, None] - b[:, None, :]
    scale = np.maximum(np.abs(a)[:, :, None], np.abs(b)[:, None, :])
    sign = np.where(np.abs(greater) <= 1e-12 * scale, 0.0, np.sign(greater))  # NaN stays NaN
    return float(np.nanmean(sign, axis=(1, 2)).mean())
