"""The table `per_seed`: the trained networks of one seed against each other on the same test examples.

Secondary by nature: each row speaks of a few trained networks, not of the variants that they came from (Dietterich
1998).  Classification only: an image's confusion matrix is neither right nor wrong.
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar

from dynconv.stats import multiplicity
from dynconv.stats.predictions import Confusions, Labels, Run

ALL = "all"


def rows(
    predicted: Labels | Confusions, runs: Collection[Run], families: Mapping[str, Sequence[tuple[str, str]]]
) -> list[dict[str, Any]]:
    """McNemar's test a seed and pair, Cochran's Q a seed, on one dataset: the columns of `per_seed` without task.

    Pairs are compared on the examples that both networks predicted, Q on those that all networks of the seed did.  A
    pair of which one network has no predictions is a row without results, and counts in Holm's adjustment; where both
    have none there is no row.  No rows for segmentation.

    Args:
        predicted: the dataset's predictions, from `PredictionFile.load`.
        runs: the dataset's runs (variant, seed) that have a value: predictions of others are left out.
        families: pairs of variants by name of family.
    """
    if isinstance(predicted, Confusions):
        return []
    result = []
    place = {run: r for r, run in enumerate(predicted.runs) if run in runs}
    for seed in sorted({seed for _, seed in place}):
        networks = {variant: r for (variant, s), r in sorted(place.items()) if s == seed}
        keys = {"dataset": predicted.dataset, "seed": seed}
        result += [keys | row for row in _pairs(predicted, networks, families)]
        if len(networks) > 1:
            result.append(keys | _cochran(predicted, list(networks.values())))
    return result


def _pairs(
    predicted: Labels, networks: Mapping[str, int], families: Mapping[str, Sequence[tuple[str, str]]]
) -> list[dict[str, Any]]:
    result = []
    for family, pairs in families.items():
        found = [
            {"test": "mcnemar", "variant_a": a, "variant_b": b, "family": family}
            | _mcnemar(predicted, networks.get(a), networks.get(b))
            for a, b in pairs
        ]
        for row, p in zip(found, multiplicity.holm(np.array([row["p_exact"] for row in found])), strict=True):
            row["p_holm"] = float(p)
        result += [row for row in found if row["variant_a"] in networks or row["variant_b"] in networks]
    return result


def _mcnemar(predicted: Labels, a: int | None, b: int | None) -> dict[str, Any]:
    """McNemar's (1947) test of two networks (indices of runs): chi-square with Edwards' correction, and exact."""
    row: dict[str, Any] = {"n_networks": (a is not None) + (b is not None), "n_examples": 0, "df": 1}
    row |= {"only_a": None, "only_b": None, "statistic": np.nan, "p": np.nan, "p_exact": np.nan}
    shared = predicted.present[:, [a, b]].all(axis=1) if a is not None and b is not None else np.zeros(0, bool)
    if not shared.any():
        return row
    right_a, right_b = (predicted.correct[shared, r] > 0 for r in (a, b))
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    row |= {"n_examples": int(shared.sum()), "only_a": only_a, "only_b": only_b}
    if only_a + only_b == 0:  # the networks agree everywhere: statsmodels would divide by zero
        return row | {"statistic": 0.0, "p": 1.0, "p_exact": 1.0}
    table = [[0, only_a], [only_b, 0]]  # the diagonal plays no part
    corrected = mcnemar(table, exact=False, correction=True)
    exact = mcnemar(table, exact=True)
    return row | {"statistic": float(corrected.statistic), "p": float(corrected.pvalue), "p_exact": float(exact.pvalue)}


def _cochran(predicted: Labels, networks: list[int]) -> dict[str, Any]:
    """Cochran's (1950) Q of networks (indices of runs): are all right equally often?"""
    shared = predicted.present[:, networks].all(axis=1)
    right = predicted.correct[shared][:, networks]
    row: dict[str, Any] = {"test": "cochran_q", "variant_a": ALL, "variant_b": ALL, "family": None}
    row |= {"n_networks": len(networks), "n_examples": int(shared.sum()), "only_a": None, "only_b": None}
    row |= {"df": len(networks) - 1, "p_exact": np.nan, "p_holm": np.nan}
    if (right == right[:, :1]).all():  # no example tells them apart: statsmodels would divide by zero
        return row | {"statistic": 0.0 if len(right) else np.nan, "p": 1.0 if len(right) else np.nan}
    with warnings.catch_warnings():  # of a keyword's default, in statsmodels before 0.15
        warnings.simplefilter("ignore", FutureWarning)
        test = cochrans_q(right)
    return row | {"statistic": float(test.statistic), "p": float(test.pvalue)}
