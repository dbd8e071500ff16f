"""dynconv's decisions on one table: the functions that `dynconv compare` calls, without its other tables."""

from itertools import combinations

import numpy as np

from dynconv.stats import logical, multiplicity
from dynconv.stats.means import differences, seed_means
from dynconv.stats.pairwise import compare_pair, wilcoxon_p

Pair = tuple[str, str]

ALPHA = 0.05

FALSE_DISCOVERY = "Benjamini-Hochberg"
ADJUSTMENTS = {
    "Holm": lambda p, pairs: multiplicity.holm(p),
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


def adjusted(values: np.ndarray, names: list[str]) -> dict[tuple[str, str], np.ndarray]:
    """Adjusted p-values by family and adjustment, in the order of `families`; `values` [variants, datasets, seeds]."""
    means = dict(zip(names, seed_means(values), strict=True))
    p = {frozenset(pair): wilcoxon_p(differences(*map(means.get, pair))) for pair in combinations(names, 2)}
    return {
        (family, name): adjust(np.array([p[frozenset(pair)] for pair in pairs]), pairs)
        for family, pairs in families(names).items()
        for name, adjust in ADJUSTMENTS.items()
    }


def rejected(values: np.ndarray) -> np.ndarray:
    """Pairs that differ by Holm's adjustment over all pairs: [variants, variants], the upper triangle."""
    names = [f"v{v:02}" for v in range(len(values))]
    found = np.zeros((len(values), len(values)), bool)
    found[np.triu_indices(len(values), 1)] = adjusted(values, names)["all pairs", "Holm"] < ALPHA
    return found


def intervals(a: np.ndarray, b: np.ndarray, resamples: int) -> dict[str, tuple[float, float]]:
    """Intervals of confidence 0.95 of a pair, by the effect; `a` and `b` are [datasets, seeds]."""
    row = compare_pair(a, b, alpha=ALPHA, resamples=resamples, seed=0)
    return {
        name.removesuffix("_ci_low"): (row[name], row[name.replace("_low", "_high")])
        for name in row
        if name.endswith("_ci_low")
    }
