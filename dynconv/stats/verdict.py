"""What may be said of a pair, and why: superior, inferior, equivalent or inconclusive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dynconv.stats.floors import at_best, datasets_needed, seeds_needed

VERDICTS = ("superior", "inferior", "equivalent", "inconclusive")
ONE_DATASET = "welch_and_permutation"  # the tests that decide where a task has one dataset
ADJUSTED = {  # how the reason calls p_adjusted
    "holm": "Holm-adjusted",
    "shaffer": "Shaffer-adjusted",
    "bergmann_hommel": "Bergmann-Hommel-adjusted",
    "hommel": "Hommel-adjusted",
    "bh": "Benjamini-Hochberg-adjusted",
    "romano_wolf": "Romano-Wolf-adjusted",
}


def judge(
    pair: Mapping[str, Any], *, family_size: int, seeds: tuple[int, int], alpha: float, rope: float
) -> tuple[str, str]:
    """Verdict of variant a against variant b, and its reason in one sentence.

    Superior or inferior when `p_adjusted` < alpha, in the direction of what was tested.  Equivalent when the interval
    of the mean difference lies strictly inside (-rope, rope) and the test could have rejected (`p_floor` < alpha): an
    interval from fewer datasets, or seeds, says too little of those never seen.  Else inconclusive.

    Args:
        pair: a row of the `pairwise` table, NaN for what could not be computed.
        family_size: tests that share the adjustment.
        seeds: runs with a value of a and of b in a dataset, at most: what a single dataset's reason speaks of.
        alpha: level of the family.
        rope: half-width of the region of practical equivalence, in units of the metric.
    """
    n, low, high = pair["n_datasets"], pair["mean_diff_ci_low"], pair["mean_diff_ci_high"]
    if n == 0:
        return "inconclusive", "no dataset has a value of both variants."
    missing = f"; left out for a missing value: {pair['n_missing']} of {n + pair['n_missing']} datasets"
    coverage = missing if pair["n_missing"] else ""
    if pair["p_floor"] >= alpha or np.isnan(pair["p_floor"]):
        return "inconclusive", _too_few(pair, family_size, seeds, alpha) + coverage + "."
    one = pair["test"] == ONE_DATASET
    name, adjusted = ADJUSTED[pair["adjustment"]], pair["p_adjusted"]
    small = -rope < low and high < rope
    interval = f"the {_percent(1 - alpha)} interval [{low:+.4f}, {high:+.4f}]"
    if adjusted < alpha:
        by_mean = pair["test"] != "wilcoxon"
        better = (pair["mean_diff"] if by_mean else pair["rank_biserial"]) > 0
        word = "better" if better else "worse"
        where = (
            f"on this one dataset, over {seeds[0]} and {seeds[1]} seeds"
            if one
            else f"on {pair['wins'] if better else pair['losses']} of {n} datasets"
        )
        reason = f"{word} {where}, {name} p {_p(adjusted)} is below alpha {alpha:g}"
        if small:
            reason += f", but {interval} lies inside ±{rope:g}: too small to matter"
        elif pair["mean_diff"] * (1 if better else -1) < 0:
            reason += (
                ", though the mean difference has the other sign: a few large differences outweigh many small ones"
            )
        return ("superior" if better else "inferior"), reason + coverage + _about(one) + "."
    if small:
        over = "the seeds of this one dataset" if one else f"{n} datasets"
        return "equivalent", f"{interval} lies inside ±{rope:g} over {over}{coverage}{_about(one)}."
    untested = np.isnan(adjusted)
    test = "no dataset differs" if untested else f"{name} p {_p(adjusted)} is not below alpha {alpha:g}"
    return "inconclusive", f"{test} and {interval} is not inside ±{rope:g}{coverage}{_about(one)}."


def _about(one_dataset: bool) -> str:
    return "; nothing is said of other datasets" if one_dataset else ""


def _too_few(pair: Mapping[str, Any], family_size: int, seeds: tuple[int, int], alpha: float) -> str:
    n, least = pair["n_datasets"], f"the least possible {ADJUSTED[pair['adjustment']]} p is {_p(pair['p_floor'])}"
    tests = at_best(family_size, pair["adjustment"])
    if pair["test"] == ONE_DATASET:
        needed = f"at least {seeds_needed(tests, alpha)} seeds of each are needed (family size {family_size})"
        if min(seeds) == 1:
            return f"one dataset and a single run: not even its variation from training to training is known; {needed}"
        return (
            f"one dataset, {seeds[0]} and {seeds[1]} seeds: {least}, so no result could be significant at alpha"
            f" {alpha:g}; {needed}, and they would speak of this dataset alone"
        )
    needed = f"at least {datasets_needed(tests, alpha)} datasets are needed (family size {family_size})"
    datasets = "1 dataset" if n == 1 else f"{n} datasets"
    return f"with {datasets} {least}, so no result could be significant at alpha {alpha:g}; {needed}"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def _percent(level: float) -> str:
    return f"{100 * level:g} %"


@dataclass(frozen=True)
class Line:
    """The answer for one variant of one task, ready to be laid out; None where a number does not exist."""

    task: str
    metric: str
    variant: str
    control: str
    n_datasets: int
    diff: float | None
    ci_low: float | None
    ci_high: float | None
    wins: int
    ties: int
    losses: int
    p_adjusted: float | None
    adjustment: str
    exploratory: bool
    verdict: str
    reason: str


def lines(pairwise: pd.DataFrame, family: str | None = "primary") -> list[Line]:
    """One line a pair of `family` (None: of any) in the `pairwise` table, in its order; `variant` is a, `control` b."""
    return [
        Line(
            task=row["task"],
            metric=row["metric"],
            variant=row["variant_a"],
            control=row["variant_b"],
            n_datasets=int(row["n_datasets"]),
            diff=_number(row["mean_diff"]),
            ci_low=_number(row["mean_diff_ci_low"]),
            ci_high=_number(row["mean_diff_ci_high"]),
            wins=int(row["wins"]),
            ties=int(row["ties"]),
            losses=int(row["losses"]),
            p_adjusted=_number(row["p_adjusted"]),
            adjustment=row["adjustment"],
            exploratory=bool(row["exploratory"]),
            verdict=row["verdict"],
            reason=row["reason"],
        )
        for row in (pairwise if family is None else pairwise[pairwise["family"] == family]).to_dict("records")
    ]


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
