"""dynconv's decisions on one table: the functions that `dynconv compare` calls, without its other tables."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from dynconv.stats import logical, max_t, multiplicity
from dynconv.stats.means import differences, seed_means
from dynconv.stats.pairwise import compare_pairs, wilcoxon_p

ALPHA = 0.05
FALSE_DISCOVERY = "Benjamini-Hochberg (false discovery rate)"
Pair = tuple[str, str]
ADJUSTMENTS: dict[str, Callable[[np.ndarray, list[Pair]], np.ndarray]] = {
    "Holm": lambda p, pairs: multiplicity.adjust(p, "holm"),
    "Shaffer": logical.shaffer,
    "Bergmann-Hommel": logical.bergmann_hommel,
    "Hommel": lambda p, pairs: multiplicity.adjust(p, "hommel"),
    FALSE_DISCOVERY: lambda p, pairs: multiplicity.adjust(p, "bh"),
}


def families(names: list[str]) -> dict[str, list[Pair]]:
    """Each variant against the control, which is the first; all other pairs; and all pairs, as other packages test."""
    control, *others = names
    return {
        "primary": [(name, control) for name in others],
        "secondary": list(combinations(others, 2)),
        "all pairs": list(combinations(names, 2)),
    }


def adjusted(values: np.ndarray, names: list[str], resamples: int) -> dict[tuple[str, str], np.ndarray]:
    """Adjusted p-values by family and adjustment, in the order of `families`; `values` [variants, datasets, seeds]."""
    means = dict(zip(names, seed_means(values), strict=True))
    difference = {frozenset(pair): differences(*map(means.get, pair)) for pair in combinations(names, 2)}
    p = {pair: wilcoxon_p(found) for pair, found in difference.items()}
    result = {}
    for family, pairs in families(names).items():
        keys = [frozenset(pair) for pair in pairs]
        unadjusted = np.array([p[key] for key in keys])
        for name, adjust in ADJUSTMENTS.items():
            found = adjust(unadjusted, pairs)
            if not (np.isnan(found) & ~np.isnan(unadjusted)).any():  # Bergmann and Hommel: too many variants
                result[family, name] = found
        joint = np.array([difference[key] for key in keys])
        result[family, "Romano-Wolf"] = max_t.romano_wolf(joint, resamples=resamples, seed=0)
    return result


def rejected(values: np.ndarray) -> np.ndarray:
    """Pairs that differ by Holm's adjustment over all pairs: [variants, variants], the upper triangle."""
    pairs = np.triu_indices(len(values), 1)
    means = seed_means(values)
    p = np.array([wilcoxon_p(differences(means[a], means[b])) for a, b in zip(*pairs, strict=True)])
    found = np.zeros((len(values), len(values)), bool)
    found[pairs] = multiplicity.holm(p) < ALPHA
    return found


def intervals(values: np.ndarray, resamples: int) -> dict[str, tuple[float, float]]:
    """Intervals of confidence 0.95 of the difference of two variants, by effect; `values` [2, datasets, seeds]."""
    (row,) = compare_pairs(values, "ab", [("a", "b")], alpha=ALPHA, resamples=resamples, seed=0)
    ends = "_ci_low", "_ci_high"
    return {
        name.removesuffix(ends[0]): (row[name], row[name.removesuffix(ends[0]) + ends[1]])
        for name in row
        if name.endswith(ends[0])
    }
