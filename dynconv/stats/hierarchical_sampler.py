"""Markov chains of the hierarchical model of Corani et al. (2017), several priors at a time.

For each dataset i (rho = 0: seeds are independent trainings, no cross-validation folds that share data):

    difference_i | delta_i, sigma_i   normal, mean delta_i, variance sigma_i^2 / weight_i
    squares_i | sigma_i               sigma_i^2 times chi-square
    delta_i                           Student t around delta0, scale sigma0, nu degrees of freedom

With the mixture delta_i ~ normal(delta0, sigma0^2 / lambda_i), lambda_i ~ gamma(nu/2, nu/2), all but sigma0 and nu are
drawn from their exact conditionals (Gibbs).  sigma0 is updated twice, once with the delta_i integrated out and once
with the lambda_i integrated out (together with nu): the first moves well where seeds are noisy, the second where they
are precise.  These are random walks (Metropolis) on the logarithm, their steps tuned during warm-up only.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from dynconv.stats.seed_spread import SeedSpread

NORMAL = 1e6  # degrees of freedom at which Student's t is normal in all but name
CHAINS = 4  # of each prior, next to each other
_TUNE_EVERY = 25
_LONGEST_STEP = 5.0
_SWAP_EVERY = 4


@dataclass(frozen=True)
class ChainPriors:
    """Priors of each chain; arrays [chains]."""

    shape: np.ndarray  # sigma_i^2 ~ inverse gamma(shape, scale); -1/2 and 0: sigma_i uniform
    scale: np.ndarray
    normal: np.ndarray  # nu is infinite instead of drawn
    half_cauchy: np.ndarray  # scale of sigma0's half-Cauchy; infinite: sigma0 uniform
    largest_sigma0: float
    largest_delta0: float


class Chains:
    """Chains in step; `delta0`, `sigma0` and `nu` are [chains], the state of now."""

    def __init__(self, data: SeedSpread, priors: ChainPriors, rng: np.random.Generator) -> None:
        self.data, self.priors, self.rng = data, priors, rng
        chains, spread = len(priors.normal), float(np.sqrt(np.mean(data.squares / data.freedom / data.weight)))
        spread = max(float(np.std(data.difference)), spread)
        # Starts are further apart than the posterior is wide, so that R-hat can see chains that do not mix.
        start = data.difference.mean() + spread * rng.standard_normal(chains)
        self.delta0 = np.clip(start, -priors.largest_delta0, priors.largest_delta0)
        self.sigma0 = np.minimum(spread * np.exp(rng.standard_normal(chains)), priors.largest_sigma0)
        self.nu = np.where(priors.normal, NORMAL, 1 + 10 * np.exp(rng.standard_normal(chains)))
        self.precision = np.ones((chains, 1)) * (data.weight * data.freedom / data.squares)
        self.mixing = np.ones_like(self.precision)
        self.posterior_shape = priors.shape[:, None] + (data.freedom + 1) / 2
        self.posterior_scale = priors.scale[:, None] + data.squares / 2
        self.steps = np.ones((3, chains))
        self.direction = np.ones((2, 2, chains)) * np.diag([0.5, 2.0])[:, :, None]
        self.accepted = np.zeros((3, chains))

    def warm_up(self, steps: int) -> None:
        """Forget the start and tune the moves: lengths all the time, the direction of the joint one half-way."""
        self._run(steps // 2, tune=True)
        seen = np.log(self._run(steps // 4, tune=True)[1:] - [[[0]], [[1]]])  # log sigma0, log(nu - 1)
        for prior in np.split(np.arange(len(self.nu)), len(self.nu) // CHAINS):
            covariance = np.cov(seen[:, prior].reshape(2, -1)) + 1e-6 * np.eye(2)
            self.direction[:, :, prior] = np.linalg.cholesky(covariance)[:, :, None]
        self.steps[2] = 1.5
        self._run(steps - steps // 2 - steps // 4, tune=True)

    def run(self, draws: int) -> np.ndarray:
        """Go on for `draws` steps: delta0, sigma0 and nu as [3, chains, draws]."""
        return self._run(draws, tune=False)

    def _run(self, draws: int, *, tune: bool) -> np.ndarray:
        kept = np.empty((3, len(self.delta0), draws))
        for i in range(draws):
            if i % _SWAP_EVERY == 0:
                self._swap()
            self._step()
            kept[:, :, i] = self.delta0, self.sigma0, self.nu
            if tune and (i + 1) % _TUNE_EVERY == 0:
                self.steps = np.minimum(self.steps * np.exp(2 * (self.accepted / _TUNE_EVERY - 0.4)), _LONGEST_STEP)
                self.accepted[:] = 0
        return kept

    def _step(self) -> None:
        data, rng = self.data, self.rng
        # sigma0, then delta0, without the delta_i.
        seeds = 1 / self.precision
        self._move_sigma0(seeds)
        total = 1 / (seeds + self.sigma0[:, None] ** 2 / self.mixing)
        information = total.sum(axis=1)
        self.delta0 = self._truncated_normal(total @ data.difference / information, 1 / np.sqrt(information))
        # The datasets' own differences, then sigma0 and nu without the lambda_i.
        population = self.mixing / self.sigma0[:, None] ** 2
        information = population + self.precision
        centre = (population * self.delta0[:, None] + self.precision * data.difference) / information
        delta = centre + rng.standard_normal(centre.shape) / np.sqrt(information)
        squared = (delta - self.delta0[:, None]) ** 2
        self._move_sigma0_and_nu(squared)
        nu = self.nu[:, None]
        rate = (nu + squared / self.sigma0[:, None] ** 2) / 2
        self.mixing = rng.standard_gamma((nu + 1) / 2, squared.shape) / rate
        rate = self.posterior_scale + data.weight * (data.difference - delta) ** 2 / 2
        self.precision = data.weight * rng.standard_gamma(self.posterior_shape) / rate

    def _swap(self) -> None:
        """Exchange a dataset's two variances, of its seeds and of its place in the population (Metropolis).

        A far-off dataset may be noisy or may really differ.  No single conditional leads from one to the other; the
        exchange does, and leaves their sum, hence the likelihood without delta_i, as it is.
        """
        sigma0, nu = self.sigma0[:, None], self.nu[:, None]
        mixing, precision = sigma0**2 * self.precision, self.mixing / sigma0**2
        log_ratio = np.log(mixing / self.mixing) * (nu / 2 - self.posterior_shape + 0.5)
        log_ratio -= self.posterior_scale / self.data.weight * (precision - self.precision)
        log_ratio -= nu / 2 * (mixing - self.mixing)
        accept = -self.rng.standard_exponential(log_ratio.shape) < log_ratio
        self.mixing = np.where(accept, mixing, self.mixing)
        self.precision = np.where(accept, precision, self.precision)

    def _move_sigma0(self, seeds: np.ndarray) -> None:
        proposal = self.sigma0 * np.exp(self.steps[0] * self.rng.standard_normal(len(self.sigma0)))
        distance = (self.data.difference - self.delta0[:, None]) ** 2

        def log_density(sigma0: np.ndarray) -> np.ndarray:
            variance = seeds + sigma0[:, None] ** 2 / self.mixing
            return self._log_prior(sigma0) - (np.log(variance) + distance / variance).sum(axis=1) / 2

        accept = self._accept(0, log_density(proposal) - log_density(self.sigma0))
        self.sigma0 = np.where(accept, proposal, self.sigma0)

    def _move_sigma0_and_nu(self, squared: np.ndarray) -> None:
        n = squared.shape[1]

        def log_density(sigma0: np.ndarray, nu: np.ndarray) -> np.ndarray:
            tails = np.log1p(squared / (nu * sigma0**2)[:, None]).sum(axis=1) * (nu + 1) / 2
            peak = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - np.log(nu) / 2 - np.log(sigma0)
            return self._log_prior(sigma0) + log_prior_of_nu(nu) + n * peak - tails

        # nu alone goes far where the data say little of it, both together follow the ridge where they say much.
        now = log_density(self.sigma0, self.nu)
        jump = np.einsum("ijc,jc->ic", self.direction, self.rng.standard_normal((2, len(self.nu))))
        alone = np.stack([np.zeros(len(self.nu)), self.rng.standard_normal(len(self.nu))])
        for move, change in ((1, alone), (2, jump)):
            change = self.steps[move] * change
            sigma0 = self.sigma0 * np.exp(change[0])
            nu = np.where(self.priors.normal, NORMAL, 1 + (self.nu - 1) * np.exp(change[1]))
            then = log_density(sigma0, nu)
            accept = self._accept(move, then - now)
            now = np.where(accept, then, now)
            self.sigma0, self.nu = np.where(accept, sigma0, self.sigma0), np.where(accept, nu, self.nu)

    def _accept(self, move: int, log_ratio: np.ndarray) -> np.ndarray:
        accept = -self.rng.standard_exponential(len(log_ratio)) < log_ratio
        self.accepted[move] += accept
        return accept

    def _log_prior(self, sigma0: np.ndarray) -> np.ndarray:
        """Density of log sigma0."""
        cauchy = np.log1p((sigma0 / self.priors.half_cauchy) ** 2)
        return np.where(sigma0 <= self.priors.largest_sigma0, np.log(sigma0) - cauchy, -np.inf)

    def _truncated_normal(self, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Normal draws within +-largest_delta0."""
        sign = np.where(mean > 0, -1.0, 1.0)  # the side on which the lower tail can be computed without cancelling
        limit, mean = self.priors.largest_delta0, sign * mean
        low, high = special.ndtr((-limit - mean) / sd), special.ndtr((limit - mean) / sd)
        draw = special.ndtri(low + self.rng.random(len(mean)) * (high - low))
        return sign * np.clip(mean + sd * draw, -limit, limit)


def log_prior_of_nu(nu: np.ndarray) -> np.ndarray:
    """Density of log(nu - 1), [chains]; any number where nu is fixed.

    nu - 1 is gamma(alpha, beta) with alpha uniform in (.5, 5) and beta uniform in (.05, .15) (Corani et al. 2017).
    """
    log_x, log_density = _nu_table()
    return np.interp(np.log(nu - 1), log_x, log_density)


@cache
def _nu_table() -> tuple[np.ndarray, np.ndarray]:
    alpha = np.linspace(0.5, 5, 91)[1::2, None, None]  # midpoints
    beta = np.linspace(0.05, 0.15, 41)[1::2, None]
    log_x = np.linspace(-20, 8, 1401)
    log_terms = alpha * np.log(beta) + alpha * log_x - beta * np.exp(log_x) - special.gammaln(alpha)
    return log_x, special.logsumexp(log_terms, axis=(0, 1)) - np.log(alpha.size * beta.size)
