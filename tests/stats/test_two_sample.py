"""Runs against runs on one dataset: against scipy, counting by hand, and closed forms."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from dynconv.stats import two_sample
from dynconv.stats.two_sample import permutation_floor, permutation_p, welch


def by_hand(a, b):
    """The share of all splits, in exact integers, whose means differ at least as much as observed."""
    pooled = [*a, *b]
    n, m = len(a), len(b)

    def distance(chosen):
        first = sum(pooled[i] for i in chosen)
        return abs(m * first - n * (sum(pooled) - first))

    splits = list(combinations(range(n + m), n))
    return sum(distance(split) >= distance(range(n)) for split in splits) / len(splits)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (1, 4), (4, 2), (5, 5), (2, 6)])
@pytest.mark.parametrize("span", [3, 1000])
def test_all_splits_are_counted_ties_included(rng, n, m, span):
    for _ in range(5):
        a, b = rng.integers(span, size=n), rng.integers(span, size=m)
        # Thousandths have no exact binary form: sums in another order differ in the last bits, and are ties still.
        got = permutation_p(a / 1000 + 0.7, b / 1000 + 0.7, resamples=0, rng=rng)
        assert got == pytest.approx(by_hand(a.tolist(), b.tolist()), abs=1e-15)


def test_it_is_scipys_permutation_test_where_nothing_is_tied(rng):
    a, b = rng.normal(0.7, 0.01, 6), rng.normal(0.71, 0.02, 5)
    # By size of the difference, not scipy's "two-sided", which doubles the smaller tail: the same for n = m only.
    two_sided = stats.permutation_test(
        (a, b), lambda x, y, axis: abs(x.mean(axis) - y.mean(axis)), vectorized=True, alternative="greater"
    )
    assert permutation_p(a, b, resamples=0, rng=rng) == pytest.approx(two_sided.pvalue)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (2, 5), (5, 5), (7, 3)])
def test_the_floor_is_reached_by_the_clearest_of_results_and_by_no_other(rng, n, m):
    floor = permutation_floor(n, m, resamples=0)
    assert permutation_p(np.ones(n), np.zeros(m), resamples=0, rng=rng) == pytest.approx(floor)
    for _ in range(20):
        assert permutation_p(rng.normal(size=n), rng.normal(size=m), resamples=0, rng=rng) >= floor - 1e-15


def test_floors_in_closed_form():
    assert permutation_floor(3, 3, resamples=0) == pytest.approx(0.1)
    assert permutation_floor(5, 5, resamples=0) == pytest.approx(2 / 252)
    assert permutation_floor(10, 10, resamples=0) == pytest.approx(2 / 184756)
    assert permutation_floor(3, 10, resamples=0) == pytest.approx(1 / 286)
    assert permutation_floor(30, 30, resamples=999) == pytest.approx(1 / 1000)
    assert np.isnan(permutation_floor(0, 3, resamples=99))


def test_ten_against_ten_is_exact_and_more_is_sampled(rng):
    a, b = np.arange(10.0), np.arange(10.0) + 100
    assert permutation_p(a, b, resamples=0, rng=rng) == pytest.approx(2 / comb(20, 10))
    assert permutation_p(np.arange(30.0), np.arange(30.0) + 100, resamples=999, rng=rng) == 1 / 1000
    a, b = rng.normal(size=12), rng.normal(0.9, 1, size=12)
    sampled = permutation_p(a, b, resamples=20_000, rng=rng)
    exact = stats.permutation_test((a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=20_000, rng=rng)
    assert sampled == pytest.approx(exact.pvalue, abs=0.01)
    again = [permutation_p(a, b, resamples=500, rng=np.random.default_rng(3)) for _ in range(2)]
    assert again[0] == again[1]


def test_under_the_null_hypothesis_p_is_no_smaller_than_it_should_be():
    rng = np.random.default_rng(1)
    p = [permutation_p(rng.normal(size=5), rng.normal(size=4), resamples=0, rng=rng) for _ in range(2000)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 2000)


def test_constant_results_do_not_differ(rng):
    same = np.full(4, 0.1) * 3  # 0.30000000000000004
    assert permutation_p(same, np.full(4, 0.3), resamples=0, rng=rng) == 1
    assert np.isnan(welch(same, np.full(4, 0.3), alpha=0.05)).all()
    assert np.isnan(permutation_p(np.array([]), same, resamples=0, rng=rng))


def test_welch_by_its_definition(rng):
    a, b = rng.normal(0.7, 0.01, 4), rng.normal(0.72, 0.03, 7)
    va, vb = a.var(ddof=1) / 4, b.var(ddof=1) / 7
    df = (va + vb) ** 2 / (va**2 / 3 + vb**2 / 6)
    t = (a.mean() - b.mean()) / np.sqrt(va + vb)
    half = stats.t.ppf(0.95, df) * np.sqrt(va + vb)
    expected = (t, df, 2 * stats.t.sf(abs(t), df), a.mean() - b.mean() - half, a.mean() - b.mean() + half)
    assert welch(a, b, alpha=0.1) == pytest.approx(expected)


@pytest.mark.filterwarnings("error")
def test_welch_with_one_constant_side_and_with_a_single_run():
    constant = welch(np.full(3, 0.7), np.array([0.6, 0.61, 0.65]), alpha=0.05)
    assert constant.df == pytest.approx(2)
    assert 0 < constant.p < 0.05
    assert np.isnan(welch(np.array([0.7]), np.array([0.6, 0.7]), alpha=0.05)).all()


def test_splits_are_kept_for_the_next_pair(rng):
    two_sample._splits.cache_clear()
    for _ in range(3):
        permutation_p(rng.normal(size=4), rng.normal(size=3), resamples=0, rng=rng)
    assert two_sample._splits.cache_info().misses == 1
