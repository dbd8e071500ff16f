"""Bayesian hierarchical comparison of two variants on many datasets (Corani et al. 2017), without Stan.

baycomp 1.0.3 has the model, but it needs Stan and a compiler, does not hand its random state to Stan, keeps its last
draws in a file of the working directory, and pairs the scores of the two variants, which seeds are not.  Where a
dataset has no spread it overwrites the scores with noise around zero: .9 against .8 in every run becomes a tie.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from dynconv.stats.convergence import r_hat
from dynconv.stats.hierarchical_sampler import CHAINS, ChainPriors, Chains
from dynconv.stats.seed_spread import SeedSpread, common_variance

FEWEST_DATASETS = 3  # with two, a uniform sigma0 has no proper posterior but for its upper bound (Gelman 2006)
CONVERGED = 1.05
_WARMUP = 300
_DRAWS = 800  # of each chain
_LONGEST = 6400


class Prior(NamedTuple):
    """How a prior departs from that of the paper."""

    common_seed_variance: bool = False  # sigma_i^2 ~ scaled inverse chi-square, fitted to all datasets
    normal: bool = False  # a normal population instead of Student's t
    half_cauchy: bool = False  # sigma0 ~ half-Cauchy with the scale of the differences, instead of uniform


PRIORS = {
    "default": Prior(),
    "common_seed_variance": Prior(common_seed_variance=True),
    "half_cauchy": Prior(half_cauchy=True),
    "normal": Prior(normal=True),
}


@dataclass(frozen=True)
class Posterior:
    """Draws of one prior, [draws] of all chains, and the largest R-hat of the three."""

    delta0: np.ndarray
    sigma0: np.ndarray
    nu: np.ndarray
    r_hat: float

    @property
    def converged(self) -> bool:
        """No R-hat above 1.05."""
        return self.r_hat <= CONVERGED

    def probabilities(self, rope: float) -> tuple[float, float, float]:
        """Probabilities (a, rope, b) that the region is the likeliest for the difference on the next dataset.

        The paper's decision for the next dataset: each draw of delta0, sigma0 and nu gives Student t probabilities of
        the three regions for a new dataset; the share of draws in which a region has the largest is its probability.
        """
        above = special.stdtr(self.nu, (self.delta0 - rope) / self.sigma0)
        below = special.stdtr(self.nu, (-rope - self.delta0) / self.sigma0)
        winner = np.argmax([above, 1 - above - below if rope > 0 else np.zeros_like(above), below], axis=0)
        a, inside, b = np.bincount(winner, minlength=3) / len(winner)
        return float(a), float(inside), float(b)


def sample(
    data: SeedSpread, *, rng: np.random.Generator, priors: dict[str, Prior] | None = None
) -> dict[str, Posterior]:
    """Posterior of each of `priors` (all when None), by name; {} with fewer than 3 datasets.

    Four chains a prior, 300 warm-up steps and 800 draws each.  While any R-hat is above 1.05 all chains go on, twice
    as long each time up to 6,400 draws, and what came before counts as warm-up.  A posterior that has not converged
    then comes back as it is: ask `converged`.
    """
    priors = PRIORS if priors is None else priors
    if len(data.difference) < FEWEST_DATASETS:
        return {}
    chains = Chains(data, _chain_priors(data, list(priors.values())), rng)
    chains.warm_up(_WARMUP)
    draws = _DRAWS
    while True:
        kept = chains.run(draws).reshape(3, len(priors), CHAINS, draws)
        posteriors = {name: _posterior(kept[:, i]) for i, name in enumerate(priors)}
        draws *= 2
        if draws > _LONGEST or all(p.converged for p in posteriors.values()):
            return posteriors


def _posterior(draws: np.ndarray) -> Posterior:
    """Of draws [delta0 sigma0 nu, chains, draws]."""
    delta0, sigma0, nu = draws.reshape(3, -1)
    return Posterior(delta0, sigma0, nu, r_hat=max(map(r_hat, draws)))


def _chain_priors(data: SeedSpread, priors: list[Prior]) -> ChainPriors:
    """Four chains of each prior, on the scale of the data: the paper's bounds, for seeds instead of folds."""
    freedom, scale = common_variance(data)
    between = float(np.std(data.difference)) or float(np.sqrt(np.mean(data.squares / data.freedom)))
    chain = [prior for prior in priors for _ in range(CHAINS)]
    common = np.array([p.common_seed_variance for p in chain])
    return ChainPriors(
        shape=np.where(common, freedom / 2, -0.5),
        scale=np.where(common, freedom * scale / 2, 0.0),
        normal=np.array([p.normal for p in chain]),
        half_cauchy=np.where([p.half_cauchy for p in chain], between, np.inf),
        largest_sigma0=1000 * between,
        largest_delta0=data.widest,
    )
