"""The sign-flip test: under the null hypothesis each paired difference could as well have had the other sign."""

import numpy as np
from scipy import stats

EXACT_UP_TO = 16  # 2^16 sign patterns: all are counted; beyond, they are sampled


def sign_flip_p(differences: np.ndarray, *, resamples: int, seed: int) -> float:
    """Two-sided p of the mean of `differences` [datasets].

    Exact up to 16 non-zero differences (a zero has no sign to flip); beyond, `resamples` sign patterns drawn with
    `seed`, the observed one counted among them, so that p is never 0.
    """
    differences = differences[differences != 0]
    if len(differences) < 2:
        return 1.0
    scaled = differences / np.abs(differences).max()

    def mean(sample: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.mean(sample, axis=axis)).round(12)  # equal sums in another order stay equal

    test = stats.permutation_test(
        (scaled,),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**EXACT_UP_TO if len(differences) <= EXACT_UP_TO else resamples,
        batch=4096,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)
