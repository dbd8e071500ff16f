"""How large an effect is for the signed-rank test, given how the datasets' differences scatter.

On real archives most differences are small and a few are huge.  The huge ones swell the standard deviation but hardly
touch the ranks, so that a plan from the standard deviation asks for far too much: on the 28 published pairs of LITE's
table (128 UCR datasets) it gave power .30 where simulated tests had .9 in the median.  What the test's power depends on
is P(D1 + D2 > 0), the chance that the average of two datasets is positive (Noether 1987).  With enough datasets it is
taken from the pilot, and turned into the effect, in standard deviations, that has it under normality.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from dynconv.stats.effects import hodges_lehmann

FROM_DATASETS = 20  # fewer do not show their shape; normality is assumed
_POINTS = 400  # of the curve from effects to equivalents


@dataclass(frozen=True)
class Scatter:
    """A curve: `effects` (metric units) and their normal `equivalents` (standard deviations), both rising from 0."""

    effects: np.ndarray
    equivalents: np.ndarray

    def equivalent(self, effect: float) -> float:
        """The effect that the test finds as often under normality, in standard deviations."""
        return _along(effect, self.effects, self.equivalents)

    def effect(self, equivalent: float) -> float:
        """The inverse of `equivalent`."""
        return _along(equivalent, self.equivalents, self.effects)


def normal(sd: float) -> Scatter:
    """Normal scatter: effects over their standard deviation."""
    return Scatter(np.array([0.0, sd]), np.array([0.0, 1.0]))


def observed(differences: np.ndarray, sd: float) -> Scatter:
    """The scatter that `differences` [datasets] show about their centre, scaled to the standard deviation `sd`.

    Made symmetric about the Hodges-Lehmann estimate, since symmetry is what the test assumes when there is no effect.
    Normal for fewer than 20 datasets, and where all differences but a stray one are equal: there is no shape.
    """
    if len(differences) < FROM_DATASETS:
        return normal(sd)
    centred = differences - hodges_lehmann(differences)
    first, second = np.triu_indices(len(centred), 1)
    pairs = np.abs(np.concatenate([centred[first] + centred[second], centred[first] - centred[second]])) / 2
    share = (np.arange(_POINTS) + 0.5) / _POINTS  # of the averages of two that lie within +-effect
    within = np.quantile(pairs, share)
    if not within[-1] > 0:
        return normal(sd)
    within *= sd / differences.std(ddof=1)
    equivalents = special.ndtri((1 + share) / 2) / np.sqrt(2)
    rising = np.flatnonzero(np.diff(within, prepend=0.0) > 1e-12 * within[-1])  # averages may be tied
    return Scatter(np.append(0.0, within[rising]), np.append(0.0, equivalents[rising]))


def _along(x: float, known: np.ndarray, values: np.ndarray) -> float:
    """Linear between the points of a curve, and on from the origin through its last point beyond them."""
    if x > known[-1]:
        return float(x * values[-1] / known[-1])
    return float(np.interp(x, known, values))
