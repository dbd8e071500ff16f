"""The hierarchical model against closed forms and brute force, and the check that its chains have converged."""

import numpy as np
import pytest
from scipy import special, stats

from dynconv.stats import hierarchical
from dynconv.stats.convergence import r_hat
from dynconv.stats.hierarchical import PRIORS, sample
from dynconv.stats.hierarchical_sampler import log_prior_of_nu
from dynconv.stats.seed_spread import common_variance, seed_spread

NAN = float("nan")


def pair(datasets, seeds, *, effect=0.01, between=0.02, noise=0.01, rng=0):
    rng = np.random.default_rng(rng)
    delta = effect + between * rng.standard_normal(datasets)
    level = rng.uniform(0.5, 0.9, datasets)
    a, b = (noise * rng.standard_normal((datasets, seeds)) for _ in "ab")
    return a + (level + delta)[:, None], b + level[:, None]


def test_spread_by_hand():
    a = np.array([[0.1, 0.3, NAN], [0.5, 0.5, 0.5], [0.7, NAN, NAN], [NAN, NAN, NAN], [0.9, 0.8, NAN]])
    b = np.array([[0.2, 0.2, 0.5], [0.4, 0.4, 0.4], [0.6, NAN, NAN], [0.1, 0.2, 0.3], [0.7, NAN, NAN]])
    data = seed_spread(a, b)  # the third dataset has no known spread, the fourth no run of a
    assert data.difference == pytest.approx([-0.1, 0.1, 0.15])
    assert data.weight == pytest.approx([6 / 5, 3 / 2, 2 / 3])
    assert data.freedom.tolist() == [3, 4, 1]
    # Runs that all agree get the smallest variance of the others, here that of the last dataset.
    assert data.squares == pytest.approx([0.02 + 0.06, 4 * 0.005, 0.005])
    assert data.widest == pytest.approx(0.4)
    assert seed_spread(a[1:2], b[1:2]) is None  # nothing shows a spread
    assert seed_spread(a[2:4], b[2:4]) is None  # nothing has one


def test_common_variance_of_the_seeds_is_found():
    rng = np.random.default_rng(0)
    sd = np.sqrt(0.01**2 * 6 / rng.chisquare(6, 2000))[:, None]  # 6 degrees of freedom, scale .01^2
    freedom, scale = common_variance(seed_spread(*(sd * rng.standard_normal((2, 2000, 4)))))
    assert freedom == pytest.approx(6, rel=0.25)
    assert scale == pytest.approx(0.01**2, rel=0.1)
    alike = common_variance(seed_spread(*(0.01 * rng.standard_normal((2, 1000, 4)))))
    assert alike[0] > 40  # differ by chance only


def test_prior_of_nu_is_the_papers_gamma_with_random_parameters():
    rng = np.random.default_rng(0)
    x = rng.gamma(rng.uniform(0.5, 5, 200_000), 1 / rng.uniform(0.05, 0.15, 200_000))
    log_x = np.linspace(-15, 7.9, 4000)
    cdf = np.cumsum(np.exp(log_prior_of_nu(1 + np.exp(log_x)))) * (log_x[1] - log_x[0])
    assert cdf[-1] == pytest.approx(1, abs=2e-3)
    assert np.interp(np.log([2, 10, 50]), log_x, cdf) == pytest.approx([np.mean(x < q) for q in (2, 10, 50)], abs=5e-3)


def test_precise_seeds_and_a_normal_population_give_students_t():
    data = seed_spread(*pair(8, 10, noise=1e-6))
    posterior = sample(data, rng=np.random.default_rng(0), priors={"normal": PRIORS["normal"]})["normal"]
    d = data.difference  # sigma0 uniform: density of delta0 ~ (sum of squares)^-(n - 1)/2, a t with n - 2
    exact = stats.t(6, d.mean(), np.sqrt(((d - d.mean()) ** 2).sum() / (8 * 6)))
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert exact.cdf(np.quantile(posterior.delta0, q)) == pytest.approx(q, abs=0.035)


@pytest.mark.parametrize("name", ["default", "common_seed_variance", "half_cauchy"])
def test_agrees_with_brute_force(name):
    data = seed_spread(*pair(4, 3, rng=7))
    posterior = sample(data, rng=np.random.default_rng(0), priors={name: PRIORS[name]})[name]
    delta0 = np.linspace(-data.widest, data.widest, 60)[:, None, None]
    log_sigma0 = np.linspace(-9, np.log(1000 * np.std(data.difference)), 60)[:, None]
    log_x = np.linspace(-3, 5.5, 9)
    sigma0, nu = np.exp(log_sigma0), 1 + np.exp(log_x)
    log_density = log_sigma0 + log_prior_of_nu(nu)
    if name == "half_cauchy":
        log_density = log_density - np.log1p((sigma0 / np.std(data.difference)) ** 2)
    freedom, scale = common_variance(data) if name == "common_seed_variance" else (-1, 0)
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - np.log(nu) / 2
    for d, weight, squares, own in zip(data.difference, data.weight, data.squares, data.freedom, strict=True):
        # Without sigma_i: delta_i given the dataset's own runs is Student t; here at equally likely points.
        df = freedom + own
        width = np.sqrt((squares + max(freedom, 0) * scale) / df / weight)
        points = stats.t(df, d, width).ppf((np.arange(120) + 0.5) / 120)[:, None, None, None]
        z = (points - delta0) / sigma0
        density = np.exp(constant - np.log1p(z**2 / nu) * (nu + 1) / 2) / sigma0
        log_density = log_density + np.log(density.mean(axis=0))
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mass = np.cumsum(weight.sum(axis=(1, 2))) - weight.sum(axis=(1, 2)) / 2
    for q in (0.1, 0.5, 0.9):
        assert np.interp(np.quantile(posterior.delta0, q), delta0.ravel(), mass) == pytest.approx(q, abs=0.05)
    above, below = special.stdtr(nu, (delta0 - 0.01) / sigma0), special.stdtr(nu, (-0.01 - delta0) / sigma0)
    winner = np.argmax([above, 1 - above - below, below], axis=0)
    expected = [weight[winner == region].sum() for region in range(3)]
    assert posterior.probabilities(0.01) == pytest.approx(expected, abs=0.05)


def test_noise_of_the_seeds_is_not_taken_for_differences_between_datasets():
    data = seed_spread(*pair(40, 5, effect=0, between=0, noise=0.02))
    for posterior in sample(data, rng=np.random.default_rng(0)).values():
        assert posterior.converged
        assert np.median(posterior.sigma0) < 0.6 * np.std(data.difference)
        assert posterior.probabilities(0.01)[1] > 0.95  # although single differences are larger than .01
    assert np.mean(np.abs(data.difference) > 0.01) > 0.3


def test_chains_agree_whether_a_far_off_dataset_is_noisy_or_different():
    a, b = pair(8, 3, between=0)
    a[0] += 0.3  # 30 standard deviations: no single conditional leads from one explanation to the other
    (posterior,) = sample(
        seed_spread(a, b), rng=np.random.default_rng(0), priors={"default": PRIORS["default"]}
    ).values()
    assert posterior.converged
    assert posterior.delta0.mean() == pytest.approx(0.01, abs=0.01)


def test_too_few_datasets_have_no_posterior():
    assert sample(seed_spread(*pair(2, 5)), rng=np.random.default_rng(0)) == {}


def test_chains_that_disagree_go_on_and_are_reported(monkeypatch):
    monkeypatch.setattr(hierarchical, "CONVERGED", 0.5)
    monkeypatch.setattr(hierarchical, "_LONGEST", 1600)
    (posterior,) = sample(
        seed_spread(*pair(3, 3)), rng=np.random.default_rng(0), priors={"normal": PRIORS["normal"]}
    ).values()
    assert len(posterior.nu) == 4 * 1600
    assert not posterior.converged


def test_r_hat():
    chains = np.random.default_rng(0).standard_normal((4, 500))
    assert r_hat(chains) < 1.01
    assert r_hat(chains**3) < 1.01  # ranks: heavy tails do no harm
    assert r_hat(chains + np.array([[0], [0], [0], [1]])) > 1.05  # another place
    assert r_hat(chains * [[1], [1], [1], [3]]) > 1.05  # another width
    assert r_hat(chains + np.linspace(0, 2, 500)) > 1.05  # all drift alike
    assert r_hat(np.ones((4, 10))) == 1
    assert r_hat(np.arange(4.0)[:, None] * np.ones(10)) == np.inf
