"""Bayesian signed-rank test with a region of practical equivalence (Benavoli et al. 2014, ICML).

The distribution of the differences over datasets has a Dirichlet-process prior.  In each draw from its posterior, two
datasets i, j are picked with random weights; theta_a is the weight of the pairs whose average difference is above the
region, theta_b of those below, theta_rope of the rest.

baycomp 1.0.3 draws from the same posterior and is what this file is tested against.  It is not used because it builds a
matrix of all pairs in each draw (2.6 s for 128 datasets and 50,000 draws of one prior, against .2 s for five here),
has no place for the prior other than zero, and with rope = 0 lets rounding errors decide the draws that are tied: .74
to .26 for two variants that never differ.
"""

import math
from typing import NamedTuple

import numpy as np

_BLOCK = 2048  # draws held at once: 128 datasets of them stay in the cache


class Prior(NamedTuple):
    """A pseudo-dataset: it counts as `strength` datasets and its difference is `place`."""

    strength: float
    place: float


# The places at infinity are the ends of the near-ignorance set of Benavoli et al. (2014): no other place of the
# pseudo-dataset is kinder to a, or to b.  Strength 0 is the Bayesian bootstrap (Rubin 1981).
PRIORS = {
    "default": Prior(0.5, 0.0),  # strength and place of baycomp
    "bootstrap": Prior(0.0, 0.0),
    "strong": Prior(2.0, 0.0),
    "favours_a": Prior(0.5, math.inf),
    "favours_b": Prior(0.5, -math.inf),
}


def probabilities(
    difference: np.ndarray, rope: float, *, rng: np.random.Generator, draws: int = 50_000
) -> dict[str, tuple[float, float, float]]:
    """Probabilities (a, rope, b), by prior, that the region has the largest weight theta: baycomp's `probs`.

    They are shares of the posterior draws in which theta_a, theta_rope or theta_b is the largest of the three, not the
    expected weights.  Draws tied between regions count in equal parts.  An average exactly on the border of the region
    (to 12 digits) counts half inside, half outside, as in baycomp; with rope = 0 no weight is left for the region.

    Args:
        difference: [datasets], a - b, two or more without NaN; their order has no influence.
        rope: half-width of the region, in the units of `difference`.
        rng: used up; all priors share the draws of the datasets' weights.
        draws: of the posterior; the standard error of a probability is at most .5 / sqrt(draws).
    """
    d = np.sort(difference)
    over, under = _Border(d, 2 * rope, rope), _Border(d, -2 * rope, rope)
    wins = {name: np.zeros(3) for name in PRIORS}
    for start in range(0, draws, _BLOCK):
        count = min(_BLOCK, draws - start)
        weight = rng.standard_exponential((len(d), count))  # Dirichlet but for the sum, which no comparison needs
        cumulated = np.concatenate([np.zeros((1, count)), np.cumsum(weight, axis=0)])
        total = cumulated[-1]
        pairs_above, pairs_below = total**2 - over.pairs_below(weight, cumulated), under.pairs_below(weight, cumulated)
        for name, prior in PRIORS.items():
            own = rng.standard_gamma(prior.strength, count)
            all_pairs = (total + own) ** 2
            theta_a = pairs_above + (all_pairs - total**2) - over.prior_below(own, prior.place, cumulated)
            theta_b = pairs_below + under.prior_below(own, prior.place, cumulated)
            theta = np.stack([theta_a, all_pairs - theta_a - theta_b, theta_b])
            largest = theta >= theta.max(axis=0) - 1e-12 * all_pairs
            wins[name] += (largest / largest.sum(axis=0)).sum(axis=1)
    return {name: (float(w[0] / draws), float(w[1] / draws), float(w[2] / draws)) for name, w in wins.items()}


class _Border:
    """Weight of the pairs whose sum is below `border`, those on it by half; differences `d` [datasets], ascending.

    The partners that keep a dataset below the border are the first ones of `d`, the same in all draws: their weight is
    one entry of a cumulative sum, so that a draw costs O(datasets) instead of their square.
    """

    def __init__(self, d: np.ndarray, border: float, rope: float) -> None:
        self.d, self.border = d, border
        self.tolerance = 1e-12 * max(float(np.abs(d).max()), rope)
        self.partners = [self._ranks(x) for x in d]

    def _ranks(self, x: float) -> tuple[int, int]:
        """How many datasets make a sum with `x` that is below the border, and not above it."""
        rest = self.border - x
        below = np.searchsorted(self.d, rest - self.tolerance, side="left")
        return int(below), int(np.searchsorted(self.d, rest + self.tolerance, side="right"))

    def _partners(self, ranks: tuple[int, int], cumulated: np.ndarray) -> np.ndarray:
        """Weight [draws] of the partners, of `cumulated` weights [datasets + 1, draws]."""
        below, upto = ranks
        return cumulated[below] if below == upto else (cumulated[below] + cumulated[upto]) / 2

    def pairs_below(self, weight: np.ndarray, cumulated: np.ndarray) -> np.ndarray:
        """Sum [draws] over ordered pairs of datasets, of `weight` [datasets, draws]."""
        result = np.zeros(weight.shape[1])
        for own, ranks in zip(weight, self.partners, strict=True):
            result += own * self._partners(ranks, cumulated)
        return result

    def prior_below(self, own: np.ndarray, place: float, cumulated: np.ndarray) -> np.ndarray:
        """What a pseudo-dataset of weight `own` [draws] at `place` adds: its pairs with datasets and with itself."""
        excess = 2 * place - self.border
        itself = 0.5 if abs(excess) <= self.tolerance else float(excess < 0)
        return own * (2 * self._partners(self._ranks(place), cumulated) + itself * own)
