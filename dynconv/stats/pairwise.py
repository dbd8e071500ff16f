"""One variant against another on the datasets that both have: tests, effect sizes, intervals."""

from typing import Any

import numpy as np
from scipy import stats

from dynconv.stats import effects
from dynconv.stats.bootstrap import mean_difference_interval
from dynconv.stats.means import differences, seed_means
from dynconv.stats.permutation import EXACT_UP_TO, sign_flip_p

STATISTICS = (
    "mean_diff",
    "mean_diff_ci_low",
    "mean_diff_ci_high",
    "hodges_lehmann",
    "rank_biserial",
    "prob_a_better",
    "cliffs_delta",
    "p_wilcoxon",
    "p_permutation",
)


def wilcoxon_p(difference: np.ndarray) -> float:
    """Two-sided Wilcoxon signed-rank p of `difference` [datasets], zeros ranked and then dropped (Pratt 1959).

    Exact while at most 16 datasets differ, ties or not; beyond that scipy's `method="auto"`: exact up to 50 datasets
    without ties or zeros, else the normal approximation corrected for ties and zeros.  (With many zeros and few other
    differences the approximation would give p-values that no exact test can reach.)  NaN when nothing differs.
    """
    differing = np.count_nonzero(difference)
    if differing == 0:
        return np.nan
    if differing <= EXACT_UP_TO:
        return sign_flip_p(effects.signed_ranks(difference), resamples=0, seed=0)
    return float(stats.wilcoxon(difference, zero_method="pratt", method="auto").pvalue)


def compare_pair(a: np.ndarray, b: np.ndarray, *, alpha: float, resamples: int, seed: int) -> dict[str, Any]:
    """Everything about a pair but its multiplicity and verdict: columns of the `pairwise` table.

    `a` and `b` are [datasets, seeds], higher is better, NaN where there is no run.  Datasets on which either has no
    value are left out and counted in `n_missing`.  Statistics are NaN when no dataset is left.
    """
    mean_a, mean_b = seed_means(a), seed_means(b)
    both = ~np.isnan(mean_a) & ~np.isnan(mean_b)
    counts = {"n_datasets": int(both.sum()), "n_missing": int((~both).sum())}
    if not both.any():
        return {**counts, "wins": 0, "ties": 0, "losses": 0, **dict.fromkeys(STATISTICS, np.nan)}
    a, b = a[both], b[both]
    difference = differences(mean_a[both], mean_b[both])
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    ties = len(difference) - wins - losses
    low, high = mean_difference_interval(a, b, alpha=alpha, resamples=resamples, seed=seed)
    return {
        **counts,
        "wins": wins,
        "ties": ties,
        "losses": losses,
        "mean_diff": float(difference.mean()),
        "mean_diff_ci_low": low,
        "mean_diff_ci_high": high,
        "hodges_lehmann": effects.hodges_lehmann(difference),
        "rank_biserial": effects.rank_biserial(difference),
        "prob_a_better": (wins + ties / 2) / len(difference),
        "cliffs_delta": effects.cliffs_delta(a, b),
        "p_wilcoxon": wilcoxon_p(difference),
        "p_permutation": sign_flip_p(difference, resamples=resamples, seed=seed),
    }
