"""Does a decision hang on one dataset?  The comparison redone without each dataset, and without each group of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynconv.stats.means import differences, seed_means
from dynconv.stats.multiplicity import holm
from dynconv.stats.signed_rank import signed_rank_sums, wilcoxon_p_many

Pair = tuple[str, str]


def rows(
    values: np.ndarray,
    datasets: Sequence[str],
    variants: Sequence[str],
    families: Mapping[str, Sequence[Pair]],
    *,
    alpha: float,
    groups: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table `robustness` without its task: by family, pair, then dataset or group left out.

    Everything is redone with what remains, Holm's adjustment within the family included.  `changes` says that the
    pair is significant with all datasets and not without these, or the other way round, or significant both times but
    in the other direction (that of the signed ranks, which are tested).  Counts and coverage are of the datasets
    that remain.

    Args:
        values: [variants, datasets, seeds], higher is better, NaN where there is no run.
        datasets: names of the second axis.
        variants: names of the first axis.
        families: pairs of variants by the name of their family.
        alpha: level of each family.
        groups: group by dataset, such as the archive's types of problem; a dataset without one is only left out alone.
    """
    left_out, outside = _units(datasets, groups or {})
    place = {name: i for i, name in enumerate(variants)}
    means = seed_means(values)
    result = []
    for family, pairs in families.items():
        whole = [differences(means[place[a]], means[place[b]]) for a, b in pairs]
        effects = [_without_each(difference, outside) for difference in whole]
        p = np.array([effect["p_wilcoxon"] for effect in effects]).reshape(len(pairs), len(outside))
        p_holm = holm(p.T).T  # one family for each unit left out
        for pair, effect, adjusted in zip(pairs, effects, p_holm, strict=True):
            significant = adjusted < alpha
            decision = np.where(significant, effect.pop("direction"), 0.0)
            effect |= {"p_holm": adjusted, "significant": significant, "changes": decision != decision[0]}
            columns = {name: column.tolist() for name, column in effect.items()}
            for i, (kind, name) in enumerate(left_out, start=1):
                row = {"variant_a": pair[0], "variant_b": pair[1], "kind": kind, "left_out": name, "family": family}
                result.append(row | {column: entries[i] for column, entries in columns.items()})
    return result


def _units(datasets: Sequence[str], groups: Mapping[str, str]) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Kind and name of all that is left out in turn, and which datasets that is: bool [1 + units, datasets].

    The first row of the latter leaves out nothing.
    """
    names = sorted({groups[dataset] for dataset in datasets if dataset in groups})
    left_out = [("dataset", dataset) for dataset in datasets] + [("group", name) for name in names]
    outside = np.zeros((1 + len(left_out), len(datasets)), bool)
    outside[1 : 1 + len(datasets)] = np.eye(len(datasets), dtype=bool)
    for row, name in enumerate(names, start=1 + len(datasets)):
        outside[row] = [groups.get(dataset) == name for dataset in datasets]
    return left_out, outside


def _without_each(difference: np.ndarray, outside: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics [units] of `difference` [datasets], NaN where missing, without each row of `outside`."""
    remaining = np.where(outside, np.nan, difference)
    present = ~np.isnan(remaining)
    n = present.sum(axis=1)
    left = (~outside).sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing remains is NaN, as it should be
        mean = np.where(present, remaining, 0.0).sum(axis=1) / n
        coverage = n / left
    return {
        "n_datasets": n,
        "n_missing": left - n,
        "coverage": coverage,
        "mean_diff": mean,
        "hodges_lehmann": _hodges_lehmann(difference, outside),
        "p_wilcoxon": wilcoxon_p_many(remaining),
        "direction": np.sign(signed_rank_sums(remaining)),
    }


def _hodges_lehmann(difference: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """`effects.hodges_lehmann` without each row of `outside`: the averages of pairs are sorted once, not each time."""
    has = np.flatnonzero(~np.isnan(difference))
    first, second = np.triu_indices(len(has))
    averages = (difference[has[first]] + difference[has[second]]) / 2
    order = np.argsort(averages, kind="stable")
    averages, first, second = averages[order], first[order], second[order]
    medians = np.full(len(outside), np.nan)
    for row, out in enumerate(outside[:, has]):
        kept = averages[~(out[first] | out[second])]
        if len(kept):
            medians[row] = (kept[(len(kept) - 1) // 2] + kept[len(kept) // 2]) / 2
    return medians
