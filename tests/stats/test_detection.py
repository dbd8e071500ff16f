"""The power of the two exact tests, against enumeration of their null hypothesis and simulation of their rejections."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from dynconv.errors import DynconvError
from dynconv.stats import detection, floors
from dynconv.stats.detection import effect_needed, permutation_power, signed_rank_power, size_needed


def test_floor_of_seeds_is_the_best_deal_of_the_runs():
    assert [floors.seed_floor(n, n) for n in (1, 2, 3, 4, 5)] == [1, 2 / 6, 2 / 20, 2 / 70, 2 / 252]
    assert floors.seed_floor(2, 3) == 1 / comb(5, 2)
    assert floors.seed_floor(0, 5) == floors.seed_floor(5, 0) == 1
    a, b = np.array([8.0, 9.0]), np.array([1.0, 2.0, 4.0])
    runs, observed = np.concatenate([a, b]), a.mean() - b.mean()
    deals = [set(deal) for deal in combinations(range(5), 2)]
    differences = [runs[list(d)].mean() - runs[list(set(range(5)) - d)].mean() for d in deals]
    assert np.mean(np.abs(differences) >= abs(observed)) == floors.seed_floor(2, 3)


@pytest.mark.parametrize(("tests", "alpha", "seeds"), [(1, 0.05, 4), (4, 0.05, 5), (10, 0.05, 6), (39, 0.05, 7)])
def test_seeds_that_make_a_rejection_possible(tests, alpha, seeds):
    assert floors.seeds_needed(tests, alpha) == seeds
    assert tests * 2 / comb(2 * seeds, seeds) < alpha <= tests * 2 / comb(2 * seeds - 2, seeds - 1)


@pytest.mark.parametrize(("tests", "alpha"), [(0, 0.05), (3, 0.0), (3, 1.0), (3, float("nan"))])
def test_a_plan_without_tests_or_level_is_refused(tests, alpha):
    with pytest.raises(DynconvError, match="valid: from 1 test"):
        floors.seeds_needed(tests, alpha)


@pytest.mark.parametrize(("n", "level", "p"), [(6, 0.05, 2 / 64), (12, 0.05 / 39, 4 / 4096), (8, 0.0125, 2 / 256)])
def test_without_an_effect_the_signed_rank_test_has_its_attained_level(n, level, p):
    assert signed_rank_power(n, 0.0, level) == pytest.approx(p, rel=1e-3)


@pytest.mark.parametrize(("n", "level", "outcomes"), [(4, 0.05, 1), (5, 0.0125, 1), (6, 0.005, 2), (7, 0.05 / 39, 2)])
def test_without_an_effect_the_permutation_test_has_its_attained_level(n, level, outcomes):
    assert permutation_power(n, 0.0, level) == pytest.approx(2 * outcomes / comb(2 * n, n), rel=1e-3)


def test_a_p_equal_to_the_level_does_not_reject():
    assert signed_rank_power(6, 9.0, 2 / 64) == 0
    assert signed_rank_power(6, 9.0, 2 / 64 + 1e-6) == pytest.approx(1)
    assert permutation_power(4, 9.0, 2 / 70) == 0
    assert permutation_power(4, 99.0, 2 / 70 + 1e-6) == pytest.approx(1)


def test_below_the_floor_nothing_is_found():
    assert signed_rank_power(5, 1e3, 0.05) == permutation_power(3, 1e3, 0.05) == 0
    assert signed_rank_power(1, 1e3, 0.05) == permutation_power(1, 1e3, 0.05) == 0
    assert effect_needed(signed_rank_power, 5, 0.05, 0.8) == np.inf


@pytest.mark.parametrize("tests", [1, 4, 39])
@pytest.mark.parametrize("n", [6, 8, 9, 12, 13, 20, 60])
def test_signed_rank_power_is_that_of_simulated_tests(n, tests):
    level, rng = 0.05 / tests, np.random.default_rng(n)
    for target in (0.3, 0.8):
        effect = effect_needed(signed_rank_power, n, level, target)
        if np.isinf(effect):
            assert tests * 2.0 ** (1 - n) >= 0.05
            continue
        sample = effect + rng.standard_normal((3000, n))
        ranks = stats.rankdata(np.abs(sample), axis=1)
        positive = np.where(sample > 0, ranks, 0).sum(axis=1)
        p = dict(zip(*_signed_rank_null(n), strict=True))
        found = np.mean([p[int(w)] < level for w in positive])
        assert found == pytest.approx(target, abs=0.03 + 2 * np.sqrt(0.25 / 3000))


def _signed_rank_null(n):
    """Sums of positive ranks and their two-sided p, from scipy's exact distribution."""
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    below = np.cumsum(counts) / 2.0**n
    above = np.cumsum(counts[::-1])[::-1] / 2.0**n
    return range(len(counts)), np.minimum(1, 2 * np.minimum(below, above))


def test_the_null_of_the_simulation_is_scipys():
    x = np.array([1.0, -2, 3, 4, 5, 6, -7, 8])
    w = int(stats.rankdata(np.abs(x))[x > 0].sum())
    assert _signed_rank_null(8)[1][w] == pytest.approx(stats.wilcoxon(x, method="exact").pvalue)


@pytest.mark.parametrize(("n", "tests"), [(4, 1), (5, 1), (5, 4), (6, 1), (6, 4), (6, 6), (6, 10), (7, 28), (7, 39)])
def test_permutation_power_is_that_of_simulated_tests(n, tests):
    level, rng, trials = 0.05 / tests, np.random.default_rng(n), 2000
    deals = np.array(list(combinations(range(2 * n), n)))
    dealt = np.zeros((2 * n, len(deals)), np.float32)
    dealt[deals.T, np.arange(len(deals))] = 1
    for target in (0.3, 0.8):
        effect = effect_needed(permutation_power, n, level, target)
        runs = rng.standard_normal((trials, 2 * n)).astype(np.float32)
        runs[:, :n] += effect
        distance = np.abs(runs @ dealt - runs.sum(axis=1, keepdims=True) / 2)
        p = np.mean(distance >= distance[:, [0]] - 1e-4, axis=1)
        assert np.mean(p < level - 1e-9) == pytest.approx(target, abs=0.03 + 2 * np.sqrt(0.25 / trials))


@pytest.mark.parametrize("test", [signed_rank_power, permutation_power])
def test_power_rises_with_the_effect_to_one_and_is_never_nan(test):
    for n in (6, 10, 26, 128, 100_000):
        for level in (0.05, 0.05 / 39):
            power = [test(n, effect, level) for effect in (0, 0.01, 0.3, 1, 3, 10, 100, 1e6)]
            assert np.isfinite(power).all()
            assert (np.diff(power) >= -1e-9).all()
            assert power[-1] == pytest.approx(float(power[0] > 0))


@pytest.mark.parametrize("test", [signed_rank_power, permutation_power])
@pytest.mark.parametrize("effect", [0.02, 0.4, 1.5, 20])
def test_size_needed_is_the_least(test, effect):
    n = size_needed(test, effect, 0.0125, 0.8)
    assert test(n, effect, 0.0125) >= 0.8
    assert all(test(smaller, effect, 0.0125) < 0.8 for smaller in range(max(1, n - 3), n))
    if n > detection._EXACT:
        assert effect_needed(test, n, 0.0125, 0.8) == pytest.approx(effect, rel=0.02)


def test_no_size_finds_nothing():
    assert size_needed(signed_rank_power, 0.0, 0.05, 0.8) is None
    assert size_needed(signed_rank_power, float("nan"), 0.05, 0.8) is None
    assert size_needed(signed_rank_power, 1e-9, 0.05, 0.8) is None
