"""Mean ranks over datasets: a description, never the basis of a pairwise test.

Whether two variants differ by mean ranks depends on which other variants are in the table (Benavoli et al. 2016).
"""

import numpy as np
from scipy import stats


def complete(means: np.ndarray) -> np.ndarray:
    """Which datasets have a value of every variant: [variants, datasets] -> bool [datasets]."""
    return ~np.isnan(means).any(axis=0)


def mean_ranks(means: np.ndarray) -> np.ndarray:
    """Mean rank of each variant over the complete datasets of [variants, datasets]; 1 = highest, ties share.

    NaN when no dataset is complete.
    """
    means = means[:, complete(means)]
    if means.shape[1] == 0:
        return np.full(len(means), np.nan)
    return stats.rankdata(-means, axis=0).mean(axis=1)
