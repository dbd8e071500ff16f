"""P(A > B): how probable it is that one run of a variant beats one run of another, and whether that is much.

Bouthillier et al. (2021, "Accounting for Variance in Machine Learning Benchmarks", MLSys 3:747-769) ask for this
number instead of a mean difference: it says what somebody who trains each network once will see.
"""

import numpy as np
from scipy import optimize, stats

from dynconv.stats.effects import cliffs_delta

NOT_SIGNIFICANT = "not significant"
NOT_MEANINGFUL = "significant but not meaningful"
MEANINGFUL = "significant and meaningful"


def probability(a: np.ndarray, b: np.ndarray) -> float:
    """P(A > B) over all pairs of runs of `a` [n] and `b` [m], a tie as half a win; NaN without runs."""
    return (cliffs_delta(a[None], b[None]) + 1) / 2 if len(a) and len(b) else np.nan


def interval(theta: float, n: int, m: int, *, alpha: float) -> tuple[float, float]:
    """Interval of confidence 1 - alpha for P(A > B), estimated as `theta` from n and m runs.

    Newcombe's score interval (2006, Statistics in Medicine 25:559-573, method 5) with Student's quantile of n + m - 2
    degrees of freedom instead of the normal one: the values t with |theta - t| <= quantile * sqrt(V(t)), where
    V(t) = t (1 - t) / (n m) * (1 + N ((1 - t) / (2 - t) + t / (1 + t))) and N = (n + m) / 2 - 1.

    A percentile bootstrap would be the usual choice, but at theta = 1 every resample gives 1 again: the interval has
    no width, and with 3 to 10 runs it covers the truth far too rarely (docs/statistics.md has the numbers).  NaN with
    fewer than two runs of either.
    """
    if min(n, m) < 2:
        return np.nan, np.nan
    quantile = stats.t.ppf(1 - alpha / 2, n + m - 2)
    mean_others = (n + m) / 2 - 1

    def outside(t: float) -> float:
        spread = t * (1 - t) / (n * m) * (1 + mean_others * ((1 - t) / (2 - t) + t / (1 + t)))
        return abs(theta - t) - quantile * np.sqrt(spread)

    def lower() -> float:  # just below theta the condition holds; it need not at theta, where 0 <= 0 if theta is 1
        near = theta * (1 - 1e-12)
        return float(optimize.brentq(outside, 0.0, near)) if theta > 0 and outside(near) < 0 else float(theta)

    low = lower()
    theta = 1 - theta  # V is symmetric: the upper end is the lower end of P(B > A)
    return low, 1 - lower()


def meaning(low: float, high: float, *, threshold: float) -> str:
    """The three-way conclusion of Bouthillier et al. (2021, section 4 and appendix C), for either direction.

    Not significant unless the interval excludes 1/2.  Then meaningful if its far end goes beyond `threshold`: an
    advantage as large as that is not ruled out.  The same holds for P(B > A) = 1 - P(A > B).  No interval: not
    significant.
    """
    far = high if low > 0.5 else 1 - low if high < 0.5 else np.nan
    if np.isnan(far):
        return NOT_SIGNIFICANT
    return MEANINGFUL if far > threshold else NOT_MEANINGFUL
