"""How large a difference is: effect sizes of paired dataset means and of seeds.  Positive: a is better."""

import numpy as np
from scipy import stats


def walsh_averages(differences: np.ndarray) -> np.ndarray:
    """Averages of all pairs of `differences` [datasets], each with itself included: [n (n + 1) / 2]."""
    first, second = np.triu_indices(len(differences))
    return (differences[first] + differences[second]) / 2


def hodges_lehmann(differences: np.ndarray) -> float:
    """Median of the Walsh averages of `differences` [datasets] (Hodges & Lehmann 1963)."""
    return float(np.median(walsh_averages(differences)))


def signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Ranks of the absolute differences [datasets] with the differences' signs; zeros are ranked, then 0 (Pratt)."""
    return stats.rankdata(np.abs(differences)) * np.sign(differences)


def rank_biserial(differences: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation (R+ - R-) / (R+ + R-) (Kerby 2014); 0 when nothing differs."""
    ranks = signed_ranks(differences)
    total = np.abs(ranks).sum()
    return float(ranks.sum() / total) if total else 0.0


def rank_biserial_left_out(differences: np.ndarray) -> np.ndarray:
    """`rank_biserial` with each of `differences` [datasets] left out in turn: [datasets]."""
    size, ranks = np.abs(differences), np.abs(signed_ranks(differences))
    order = np.sort(size)
    below, up_to = np.searchsorted(order, size, "left"), np.searchsorted(order, size, "right")

    def without(sign: np.ndarray) -> np.ndarray:
        """Sum of sign x rank of the others: larger ones lose a rank, equal ones half of one."""
        running = np.concatenate([[0], np.cumsum(sign[np.argsort(size, kind="stable")])])
        larger, equal = running[-1] - running[up_to], running[up_to] - running[below] - sign
        return (sign * ranks).sum() - sign * ranks - larger - equal / 2

    sign = np.sign(differences)
    total = without(np.abs(sign))
    return np.divide(without(sign), total, out=np.zeros(len(sign)), where=total > 0)


def dominance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which seed of a beats which seed of b: 1, 0 (equal to 12 digits) or -1, [datasets, seeds of a, seeds of b].

    `a` and `b` are [datasets, seeds], NaN where there is no run; NaN in the result where one is missing.
    """
    greater = a[:, :, None] - b[:, None, :]
    scale = np.maximum(np.abs(a)[:, :, None], np.abs(b)[:, None, :])
    return np.where(np.abs(greater) <= 1e-12 * scale, 0.0, np.sign(greater))  # NaN stays NaN


def dataset_deltas(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cliff's delta of each dataset: P(a > b) - P(a < b) over pairs of seeds (Cliff 1993): [datasets].

    `a` and `b` are [datasets, seeds], NaN where there is no run; each dataset needs a run of both.
    """
    return np.nanmean(dominance(a, b), axis=(1, 2))


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> float:
    """Cliff's delta of [datasets, seeds], averaged over datasets."""
    return float(dataset_deltas(a, b).mean())
