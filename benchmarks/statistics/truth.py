"""The effects of the first of two variants against the second that the intervals should hold, in closed form."""

import math

from designs import Design
from invented import BETTER, INTERACTION, NOISE
from scipy.stats import norm

NOTHING = {
    "mean_diff": 0.0,
    "hodges_lehmann": 0.0,
    "rank_biserial": 0.0,
    "prob_a_better": 0.5,
    "cliffs_delta": 0.0,
    "a12": 0.5,
}


def truths(design: Design, fixed: float) -> dict[str, float]:
    """By name of the effect, as far as it is known; `fixed` is the mean difference on the datasets drawn.

    All others but `mean_diff_fixed` are of the population that datasets are drawn from, except that with one dataset
    every interval speaks of that dataset.
    """
    if design.datasets == 1:
        seeds = {"mean_diff": fixed, "mean_diff_fixed": fixed}
        return seeds | (_over_seeds(fixed, 0.0) if design.form.startswith("normal") else {})
    known = {"skewed": {"mean_diff": 0.0}, "normal, one better": _better(design)}.get(design.form, NOTHING)
    return known | {"mean_diff_fixed": fixed}


def _better(design: Design) -> dict[str, float]:
    """Differences of seed means are normal, so their signs and those of sums of two have known chances."""
    n, difference = design.datasets, BETTER / math.sqrt(2 * INTERACTION**2 + 2 * NOISE**2 / design.seeds)
    one, two = norm.cdf(difference), norm.cdf(math.sqrt(2) * difference)
    # R+ counts the n differences and the n (n - 1) / 2 sums of two that are positive (Tukey).
    positive = (n * one + n * (n - 1) / 2 * two) / (n * (n + 1) / 2)
    return {
        "mean_diff": BETTER,
        "hodges_lehmann": BETTER,
        "rank_biserial": 2 * positive - 1,
        "prob_a_better": float(one),
        **_over_seeds(BETTER, INTERACTION),
    }


def _over_seeds(difference: float, interaction: float) -> dict[str, float]:
    """The chance that a run of the first beats a run of the second, normal noise."""
    better = float(norm.cdf(difference / math.sqrt(2 * interaction**2 + 2 * NOISE**2)))
    return {"a12": better, "cliffs_delta": 2 * better - 1}
