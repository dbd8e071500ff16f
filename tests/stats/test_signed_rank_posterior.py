"""The Bayesian signed-rank test against its definition, draw by draw, and against baycomp."""

import baycomp
import numpy as np
import pytest

from dynconv.stats.signed_rank_posterior import PRIORS, probabilities


def differences(n, decimals=2):
    return np.random.default_rng(n).normal(0.01, 0.02, n).round(decimals)


def by_definition(difference, rope, prior, weight, own):
    """Share of draws in which each region has most of the pairs' weight; `weight` [datasets, draws], `own` [draws]."""
    d = np.append(difference, prior.place)
    w = np.vstack([weight, own])
    sums = (d[:, None] + d).round(12)
    above = np.heaviside(sums - 2 * rope, 0.5)
    below = np.heaviside(-sums - 2 * rope, 0.5)
    theta = [np.einsum("id,jd,ij->d", w, w, region) for region in (above, 1 - above - below, below)]
    return np.bincount(np.argmax(theta, axis=0), minlength=3) / len(own)


@pytest.mark.parametrize("rope", [0.013, 0.01])  # with .01 sums fall on the border
@pytest.mark.parametrize("n", [2, 7, 30])
def test_same_draws_give_the_same_probabilities_as_the_definition(n, rope):
    draws = 1500
    found = probabilities(differences(n), rope, rng=np.random.default_rng(5), draws=draws)
    rng = np.random.default_rng(5)
    weight = rng.standard_exponential((n, draws))
    for name, prior in PRIORS.items():
        own = rng.standard_gamma(prior.strength, draws)
        expected = by_definition(np.sort(differences(n)), rope, prior, weight, own)
        assert found[name] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rope", [0.0, 0.01])
@pytest.mark.parametrize("n", [5, 14])
def test_agrees_with_baycomp(n, rope):
    d = differences(n, decimals=9)  # baycomp decides ties between regions by rounding errors
    left_rope_right = baycomp.SignedRankTest(d, np.zeros(n), rope, nsamples=10_000, random_state=0).probs()
    found = probabilities(d, rope, rng=np.random.default_rng(1))["default"]
    assert found == pytest.approx(left_rope_right, abs=0.025)  # 4 standard errors


def test_draws_in_many_blocks_are_all_counted():
    for triple in probabilities(differences(10), 0.01, rng=np.random.default_rng(0), draws=5001).values():
        assert sum(triple) == pytest.approx(1, abs=1e-12)


def test_the_order_of_datasets_has_no_influence():
    d = differences(20)
    shuffled = np.random.default_rng(3).permutation(d)
    first, second = (probabilities(x, 0.01, rng=np.random.default_rng(0), draws=3000) for x in (d, shuffled))
    assert first == second


def test_variants_that_never_differ_share_what_baycomp_gives_by_rounding():
    found = probabilities(np.zeros(6), 0.0, rng=np.random.default_rng(0), draws=3000)
    assert found["default"] == found["bootstrap"] == (0.5, 0, 0.5)
    assert found["favours_a"] == (1, 0, 0)
    assert probabilities(np.zeros(6), 0.01, rng=np.random.default_rng(0), draws=3000)["default"] == (0, 1, 0)


def test_a_constant_difference_decides():
    outside = probabilities(np.full(8, 0.02), 0.01, rng=np.random.default_rng(0), draws=3000)
    assert outside["bootstrap"] == (1, 0, 0)
    assert outside["default"][0] > 0.98
    assert probabilities(np.full(8, -0.02), 0.01, rng=np.random.default_rng(0), draws=3000)["bootstrap"] == (0, 0, 1)


def test_the_extreme_places_of_the_prior_bracket_every_other():
    found = probabilities(differences(6), 0.01, rng=np.random.default_rng(0))
    inner = [found[name][0] for name in ("default", "bootstrap")]
    assert found["favours_b"][0] - 0.01 < min(inner) <= max(inner) < found["favours_a"][0]
    assert found["favours_b"][2] > max(found[name][2] for name in ("default", "bootstrap"))
