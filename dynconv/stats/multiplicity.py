"""Many tests at once: adjustments that know nothing but the p-values, and what Holm's leaves possible.

`dynconv.stats.logical` has the adjustments that also use which variants are compared, `dynconv.stats.max_t` the one
that uses how the tests depend on each other.
"""

import numpy as np
from statsmodels.stats.multitest import multipletests

from dynconv.errors import DynconvError, valid

_STATSMODELS = {"hommel": "hommel", "bh": "fdr_bh"}


def adjust(p: np.ndarray, method: str) -> np.ndarray:
    """Adjusted p-values of one family [tests], never above 1.

    A NaN stays NaN but counts as a test of the family with p = 1: the family was declared before the data were seen.

    Args:
        p: unadjusted p-values, NaN where a test could not be computed.
        method: `holm` (1979; family-wise, whatever the dependence), `hommel` (1988; family-wise, for independent or
            positively dependent tests) or `bh` (Benjamini & Hochberg 1995; false discovery rate, likewise).

    Raises:
        DynconvError: the method is none of these.
    """
    if method == "holm":
        return holm(p)
    if method not in _STATSMODELS:
        raise DynconvError(f"method: {method!r} is no adjustment of p-values; {valid(['holm', *_STATSMODELS])}")
    p = np.asarray(p, float)
    if len(p) == 0:
        return p
    untested = np.isnan(p)
    adjusted = multipletests(np.where(untested, 1.0, p), method=_STATSMODELS[method])[1]
    return np.where(untested, np.nan, np.minimum(adjusted, 1.0))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-adjusted p-values of many families at once: each [..., :] is one family (Holm 1979), never above 1.

    NaN as in `adjust`.  Equal to statsmodels, which takes one family a call and runs the garbage collector in each:
    too slow for a family redone without every dataset in turn.
    """
    p = np.asarray(p, float)
    filled = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(filled, axis=-1, kind="stable")
    steps = np.take_along_axis(filled, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    adjusted = np.empty(p.shape)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), axis=-1)
    return np.where(np.isnan(p), np.nan, adjusted)
