"""From one pair's numbers to a decision: the test that decides, its adjustments within a family, and the verdict."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dynconv.analysis_plan import ADJUSTMENTS, EXPLORATORY, Analysis
from dynconv.errors import DynconvError, valid
from dynconv.stats import logical, multiplicity
from dynconv.stats.declaration import Declaration
from dynconv.stats.families import Pair
from dynconv.stats.floors import floor
from dynconv.stats.grid import Grid
from dynconv.stats.max_t import romano_wolf
from dynconv.stats.means import differences, seed_means
from dynconv.stats.verdict import ONE_DATASET, judge

Rows = dict[Pair, dict[str, Any]]
_ADJUST: dict[str, Callable[[np.ndarray, list[Pair]], np.ndarray]] = {
    "holm": lambda p, pairs: multiplicity.adjust(p, "holm"),
    "hommel": lambda p, pairs: multiplicity.adjust(p, "hommel"),
    "bh": lambda p, pairs: multiplicity.adjust(p, "bh"),
    "shaffer": logical.shaffer,
    "bergmann_hommel": logical.bergmann_hommel,
}  # and romano_wolf, which takes differences instead of p


def decide(
    found: Sequence[Mapping[str, Any]],
    listed: Mapping[str, Sequence[Pair]],
    grid: Grid,
    values: np.ndarray,
    of_seeds: Sequence[Mapping[str, Any]],
    plan: Analysis,
    declaration: Declaration | None,
) -> Rows:
    """Rows of `pairwise` by pair: `found` of each pair by itself, what depends on its family, and the verdict.

    The test that decides is Wilcoxon's over datasets.  A task of one dataset has none: there Welch's test and the exact
    permutation test over seeds must both reject, and speak of that dataset alone.

    Args:
        found: the statistics of each pair by itself, in the order of `listed`.
        listed: the pairs of each family.
        grid: the task.
        values: [variants, datasets, seeds], higher is better, failed runs as the plan wants them.
        of_seeds: rows of `seeds`; used where there is one dataset.
        plan: what is followed.
        declaration: of the study; None: nothing was declared, everything is exploratory.

    Raises:
        DynconvError: the plan adjusts by Bergmann and Hommel and a family has more variants than that can be done for.
    """
    single = len(grid.datasets) == 1
    seed_rows = {(row["variant_a"], row["variant_b"]): row for row in of_seeds} if single else {}
    rows: Rows = {}
    for pair, numbers in zip((pair for pairs in listed.values() for pair in pairs), found, strict=True):
        rows[pair] = row = {"variant_a": pair[0], "variant_b": pair[1], **numbers}
        # Romano and Wolf's |t| and |mean| order the sign patterns alike, so that its p for one pair is p_permutation.
        by_mean = plan.adjustment == "romano_wolf"
        row["test"] = ONE_DATASET if single else "sign_flip" if by_mean else "wilcoxon"
        row["p"] = seed_rows[pair]["p"] if single else row["p_permutation" if by_mean else "p_wilcoxon"]
        row["n_failed"] = sum(int(grid.failed[grid.variants.index(name)].sum()) for name in pair)
        row["floor"] = seed_rows[pair]["p_floor"] if single else floor(row["n_datasets"])
        row["n_seeds"] = max(_seeds(grid, name) for name in pair)
    every = multiplicity.adjust(_column(rows.values(), "p"), "holm")
    for row, p in zip(rows.values(), every, strict=True):
        row["p_holm_all"] = float(p)
    for family, pairs in listed.items():
        _family([rows[pair] for pair in pairs], family, list(pairs), grid, values, plan)
        for pair in pairs:
            row = rows[pair]
            planned = declaration is not None and not declaration.deviations and grid.task in declaration.datasets
            row["exploratory"] = not planned or family == EXPLORATORY
            row["plan_hash"] = declaration.plan.plan_hash if declaration else None
            row["verdict"], row["reason"] = judge(
                row,
                family_size=len(pairs),
                seeds=(_seeds(grid, pair[0]), _seeds(grid, pair[1])),
                alpha=plan.alpha,
                rope=plan.rope_of(grid.task),
            )
    return rows


def _family(
    rows: list[dict[str, Any]], family: str, pairs: list[Pair], grid: Grid, values: np.ndarray, plan: Analysis
) -> None:
    single = len(grid.datasets) == 1
    decides = plan.decides(len(grid.datasets))
    p, floors = _column(rows, "p"), _column(rows, "floor")  # floors: every pair of the family at its best
    adjusted = {name: adjust(p, pairs) for name, adjust in _ADJUST.items()}
    if decides in _ADJUST:
        floors = _ADJUST[decides](floors, pairs)
    adjusted["romano_wolf"] = np.full(len(pairs), np.nan)
    if not single:
        differences = _differences(grid, values, pairs)
        adjusted["romano_wolf"] = romano_wolf(differences, resamples=plan.resamples, seed=plan.seed)
    if decides in _ADJUST and np.isnan(adjusted[decides]).all() and not np.isnan(p).all():
        raise DynconvError(
            f"task {grid.task!r}: adjustment {decides!r} cannot be computed for family {family!r}, whose"
            f" {len({name for pair in pairs for name in pair})} variants are too many; {valid(ADJUSTMENTS)}"
        )
    for place, row in enumerate(rows):
        row |= {"family": family, "adjustment": decides, "p_floor": float(floors[place])}
        row |= {f"p_{name}": float(column[place]) for name, column in adjusted.items()}
        row["p_adjusted"] = row[f"p_{decides}"]
        row["significant"] = bool(row["p_adjusted"] < plan.alpha)


def separated(rows: Rows, alpha: float) -> set[frozenset[str]]:
    """The pairs that are significantly different, in their family or among all pairs: no clique holds both."""
    return {frozenset(pair) for pair, row in rows.items() if row["significant"] or row["p_holm_all"] < alpha}


def _differences(grid: Grid, values: np.ndarray, pairs: list[Pair]) -> np.ndarray:
    """Paired differences of seed means, exact ties kept: [pairs, datasets], NaN where one has no value."""
    means = dict(zip(grid.variants, seed_means(values), strict=True))
    return np.array([differences(means[a], means[b]) for a, b in pairs])


def _column(rows: Iterable[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], float)


def _seeds(grid: Grid, variant: str) -> int:
    """The most runs with a value that `variant` has in a dataset."""
    return int(grid.present[grid.variants.index(variant)].sum(axis=-1).max())
