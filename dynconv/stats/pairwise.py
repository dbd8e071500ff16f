"""One variant against another on the datasets that both have: tests, effect sizes, intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from dynconv.comparison_tables.pairs import STATISTICS
from dynconv.errors import DynconvError, valid
from dynconv.stats import effects, intervals
from dynconv.stats.bootstrap import fixed_interval, population_interval
from dynconv.stats.draws import Draws
from dynconv.stats.means import differences, seed_means
from dynconv.stats.permutation import EXACT_UP_TO, exact_sign_flip, sign_flip


def compare_pairs(
    values: np.ndarray,
    variants: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    alpha: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Columns n_datasets to p_permutation of the `pairwise` table: all but what depends on a family of pairs.

    Args:
        values: [variants, datasets, seeds], higher is better, NaN where there is no run.
        variants: names of the first axis.
        pairs: (a, b); differences are a - b.
        alpha: intervals have confidence 1 - alpha, each pair by itself.
        resamples: of the bootstrap, and of the sign-flip test beyond 16 non-zero differences.
        seed: of both; the same one gives the same numbers, whatever other variants and pairs there are.

    Returns:
        One dict a pair, in the order of `pairs`.  Datasets on which either variant has no value are left out and
        counted in `n_missing`.  Statistics are NaN where no dataset is left, intervals also where they cannot be had.

    Raises:
        DynconvError: a pair names a variant that is not there.
    """
    row = {name: i for i, name in enumerate(variants)}
    for name in {name for pair in pairs for name in pair}:
        if name not in row:
            raise DynconvError(f"pairs: variant {name!r} is not in the table; {valid(list(variants))}")
    means = seed_means(values)
    present = [~np.isnan(means[row[a]]) & ~np.isnan(means[row[b]]) for a, b in pairs]
    draws = Draws(resamples, seed)
    results: list[dict[str, Any]] = [{}] * len(pairs)
    for i in sorted(range(len(pairs)), key=lambda i: present[i].sum()):  # pairs with equally many datasets share draws
        a, b = (values[row[name]][present[i]] for name in pairs[i])
        n, of = len(a), len(present[i])
        counts = {"n_datasets": n, "n_missing": of - n, "coverage": n / of if of else 0.0}
        results[i] = {**counts, **_statistics(a, b, alpha, draws)}
    return results


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
        ranks = effects.signed_ranks(difference)
        return exact_sign_flip(ranks[ranks != 0])
    return float(stats.wilcoxon(difference, zero_method="pratt", method="auto").pvalue)


def _statistics(a: np.ndarray, b: np.ndarray, alpha: float, draws: Draws) -> dict[str, Any]:
    """The statistics of `compare_pairs`; a and b are [datasets, seeds], each dataset has a run of both."""
    if len(a) == 0:
        return {**dict.fromkeys(STATISTICS, np.nan), "wins": 0, "ties": 0, "losses": 0}
    difference = differences(seed_means(a), seed_means(b))
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    ties = len(difference) - wins - losses
    fixed = fixed_interval(a, b, alpha=alpha)
    deltas = effects.dataset_deltas(a, b)
    delta = float(deltas.mean())
    improvement = np.array(intervals.improvement_interval(a, b, deltas, alpha))
    return {
        "wins": wins,
        "ties": ties,
        "losses": losses,
        "mean_diff": float(difference.mean()),
        **_ends("mean_diff", population_interval(difference, alpha=alpha, draws=draws) if len(a) > 1 else fixed),
        **_ends("mean_diff_fixed", fixed),
        "hodges_lehmann": effects.hodges_lehmann(difference),
        **_ends("hodges_lehmann", intervals.hodges_lehmann_interval(difference, alpha)),
        "rank_biserial": effects.rank_biserial(difference),
        **_ends("rank_biserial", intervals.rank_biserial_interval(difference, alpha)),
        "prob_a_better": (wins + ties / 2) / len(difference),
        **_ends("prob_a_better", intervals.prob_a_better_interval(difference, alpha)),
        "cliffs_delta": delta,
        **_ends("cliffs_delta", 2 * improvement - 1),
        "a12": (1 + delta) / 2,
        **_ends("a12", improvement),
        "p_wilcoxon": wilcoxon_p(difference),
        "p_permutation": sign_flip(difference, draws),
    }


def _ends(name: str, interval: tuple[float, float] | np.ndarray) -> dict[str, float]:
    return {f"{name}_ci_low": float(interval[0]), f"{name}_ci_high": float(interval[1])}
