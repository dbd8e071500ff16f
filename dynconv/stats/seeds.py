"""The table `seeds`: what the runs of one dataset say of a pair, and what they cannot say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynconv.stats import multiplicity, outperforming
from dynconv.stats.draws import named
from dynconv.stats.means import differences, seed_means
from dynconv.stats.two_sample import permutation_floor, permutation_p, welch

_ADJUSTED = (("p", "p_holm"), ("p_permutation", "p_holm_permutation"), ("p_welch", "p_holm_welch"))


def rows(
    values: np.ndarray,
    variants: Sequence[str],
    datasets: Sequence[str],
    families: Mapping[str, Sequence[tuple[str, str]]],
    *,
    threshold: float = 0.75,
    alpha: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """One row a dataset, family and pair: the columns of the table `seeds` without task and metric.

    Each dataset is a question of its own: Holm's adjustment is over the pairs of a family, within the dataset.  A pair
    that could not be tested still counts in it.

    `p` is the larger one of both tests, so that both must reject.  Exchanging runs assumes equal distributions: where
    the runs of one variant scatter more than those of the other, the permutation test rejects too often (13 %
    instead of 5 % in benchmarks/statistics).  Welch's test does not, but trusts few runs to be normal.

    Args:
        values: [variants, datasets, seeds], higher is better, NaN where there is no run.
        variants: names along the first axis.
        datasets: names along the second axis.
        families: pairs of variants by name of family.
        threshold: P(A > B) from which a difference is called meaningful (Bouthillier et al. 2021: .75).
        alpha: level of the tests; intervals have confidence 1 - alpha.
        resamples: of the permutation test where its splits are too many to count.
        seed: of the same; a pair's numbers do not depend on the other variants or datasets.
    """
    place = {name: v for v, name in enumerate(variants)}
    result = []
    for d, dataset in enumerate(datasets):
        for family, pairs in families.items():
            found = []
            for pair in pairs:
                a, b = (_runs(values[place[name], d]) for name in pair)
                rng = named(seed, repr((dataset, *pair)))
                row: dict[str, Any] = {"dataset": dataset, "variant_a": pair[0], "variant_b": pair[1], "family": family}
                row["coverage"] = (len(a) + len(b)) / (2 * values.shape[2])
                row |= _pair(a, b, threshold=threshold, alpha=alpha, resamples=resamples, rng=rng)
                row["limits"] = _limits(row, family_size=len(pairs), alpha=alpha)
                found.append(row)
            for test, column in _ADJUSTED:
                for row, p in zip(found, multiplicity.holm(np.array([row[test] for row in found])), strict=True):
                    row[column] = float(p)
            result += found
    return result


def _runs(values: np.ndarray) -> np.ndarray:
    return np.sort(values[~np.isnan(values)])


def _pair(
    a: np.ndarray, b: np.ndarray, *, threshold: float, alpha: float, resamples: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Everything about one pair on one dataset, of runs `a` [n] and `b` [m], but its multiplicity."""
    n, m = len(a), len(b)
    test = welch(a, b, alpha=alpha)
    theta = outperforming.probability(a, b)
    low, high = outperforming.interval(theta, n, m, alpha=alpha)
    exchanged = permutation_p(a, b, resamples=resamples, rng=rng)
    return {
        "n_a": n,
        "n_b": m,
        "mean_diff": float(differences(seed_means(a), seed_means(b))),
        "ci_low": test.low,
        "ci_high": test.high,
        "welch_t": test.t,
        "welch_df": test.df,
        "p_welch": test.p,
        "p_permutation": exchanged,
        # A variant with a single run does not show how its runs scatter, and cannot be tested.
        "p": float(np.fmax(exchanged, test.p)) if min(n, m) > 1 else np.nan,
        "p_floor": permutation_floor(n, m, resamples=resamples) if min(n, m) > 1 else 1.0,
        "prob_a_better": theta,
        "prob_a_better_ci_low": low,
        "prob_a_better_ci_high": high,
        "threshold": threshold,
        "meaning": outperforming.meaning(low, high, threshold=threshold),
    }


def _limits(row: Mapping[str, Any], *, family_size: int, alpha: float) -> str:
    """What this design cannot support, whatever the runs had shown: one sentence."""
    counts = {row["variant_a"]: row["n_a"], row["variant_b"]: row["n_b"]}
    if empty := [name for name, n in counts.items() if n == 0]:
        return f"No run of {' or '.join(empty)} has a value on {row['dataset']}, so nothing can be said of the pair."
    adjusted = min(1.0, family_size * row["p_floor"])
    least = f"the least possible p is {row['p_floor']:.2g}"
    if family_size > 1:
        least += f" ({adjusted:.2g} after Holm over {family_size} tests)"
    if adjusted >= alpha:
        least += f", so no result could be significant at alpha {alpha:g}"
    if single := [name for name, n in counts.items() if n == 1]:
        return (
            f"A single run of {' and of '.join(single)} on {row['dataset']} does not show how far its result varies"
            f" from training to training, and nothing is learnt of other datasets or other test examples; {least}."
        )
    return (
        f"{row['n_a']} and {row['n_b']} runs on the one test split of {row['dataset']} show how results vary from"
        f" training to training there, not what happens on other datasets or other test examples; {least}."
    )
