"""Each statistic against a definition, a hand count or scipy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from dynconv.stats import effects, floors, means, multiplicity, omnibus, ranks
from dynconv.stats.bootstrap import fixed_interval, population_interval
from dynconv.stats.draws import Draws
from dynconv.stats.pairwise import wilcoxon_p
from dynconv.stats.permutation import sign_flip_p

NAN = float("nan")


def test_equal_means_tie_whatever_the_order_of_their_seeds():
    seeds = [0.1, 0.2, 0.3]
    a, b = means.seed_means(np.array([[seeds], [seeds[::-1]]]))
    assert a != b  # naive float means do not tie
    assert means.differences(a, b) == 0
    assert ranks.mean_ranks(means.tied(np.array([a, b]))).tolist() == [1.5, 1.5]


def test_equal_differences_tie_whatever_the_dataset():
    a, b = np.array([1 / 3, 2 / 3, 1.0]), np.array([0, 1 / 3, 2 / 3])
    assert len(set(a - b)) > 1
    assert len(set(means.differences(a, b))) == 1


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_rounding_keeps_12_digits_at_any_scale(scale):
    a = np.array([0.123456789012, 0.5, 0.0, NAN]) * scale
    assert means.tied(a * (1 + 1e-15)) == pytest.approx(a, rel=1e-12, abs=0, nan_ok=True)
    assert len(set(means.tied(np.array([0.3, 0.1 + 0.2, 0.300000000001]) * scale))) == 2


def test_interval_of_a_mean_over_seeds():
    values = np.array([[0.1, 0.2, 0.4], [0.5, NAN, NAN], [NAN, NAN, NAN]])
    sd, low, high = means.spread(values, 0.05)
    expected = stats.t.interval(0.95, 2, loc=values[0].mean(), scale=stats.sem(values[0]))
    assert (sd[0], low[0], high[0]) == pytest.approx((values[0].std(ddof=1), *expected))
    assert np.isnan([sd[1:], low[1:], high[1:]]).all()


def test_effects_by_hand():
    d = np.array([3.0, -1.0, 2.0, 0.0])
    assert effects.signed_ranks(d).tolist() == [4, -2, 3, 0]
    assert effects.rank_biserial(d) == pytest.approx((7 - 2) / 9)
    walsh = [(d[i] + d[j]) / 2 for i in range(4) for j in range(i, 4)]
    assert effects.hodges_lehmann(d) == np.median(walsh)
    assert effects.rank_biserial(np.zeros(3)) == 0


def test_cliffs_delta_averages_datasets_and_skips_absent_seeds():
    a = np.array([[0.1 + 0.2, 0.5, NAN], [0.9, 0.8, 0.7]])
    b = np.array([[0.3, 0.4, 0.6], [0.1, NAN, NAN]])
    # First dataset: .3 ties .3, loses to .4 and .6; .5 beats .3 and .4, loses to .6.
    assert effects.cliffs_delta(a, b) == pytest.approx(((2 - 3) / 6 + 1) / 2)


@pytest.mark.parametrize("n", [5, 9, 12])
@pytest.mark.parametrize("decimals", [1, 9])
def test_wilcoxon_is_scipys(n, decimals):
    d = np.random.default_rng(n).normal(0.3, 1, n).round(decimals)  # one decimal makes ties, and a zero is put in
    if decimals == 1:
        d[0] = 0
    assert wilcoxon_p(d) == pytest.approx(stats.wilcoxon(d, zero_method="pratt", method="auto").pvalue, rel=1e-12)


def test_few_differences_among_many_ties_cannot_reject():
    d = np.zeros(100)
    d[:5] = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert stats.wilcoxon(d, zero_method="pratt").pvalue < 0.05  # the normal approximation
    assert wilcoxon_p(d) == 0.0625  # five signs
    assert np.isnan(wilcoxon_p(np.zeros(10)))


def test_sign_flip_counts_every_pattern():
    d = np.array([0.3, -0.1, 0.25, 0.4, 0.05, -0.2])
    sums = [np.dot(signs, d) for signs in product([1, -1], repeat=len(d))]
    expected = np.mean([abs(s) >= abs(d.sum()) - 1e-12 for s in sums])
    assert sign_flip_p(d, resamples=100, seed=0) == pytest.approx(expected)
    assert sign_flip_p(np.array([0.1, 0.2, -0.3]), resamples=100, seed=0) == 1  # a zero mean, up to rounding
    assert sign_flip_p(np.append(d, np.zeros(30)), resamples=100, seed=0) == pytest.approx(expected)
    assert sign_flip_p(np.zeros(4), resamples=100, seed=0) == 1


def test_sampled_sign_flips_are_near_the_normal_p_and_never_zero():
    d = np.random.default_rng(1).normal(0.2, 1, 40)
    z = d.sum() / np.sqrt((d**2).sum())
    assert sign_flip_p(d, resamples=4000, seed=0) == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.03)
    assert sign_flip_p(np.full(40, 0.1), resamples=100, seed=0) == pytest.approx(2 / 101)


def test_holm_by_hand():
    assert multiplicity.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiplicity.holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    with_nan = multiplicity.holm(np.array([0.02, NAN]))
    assert with_nan[0] == pytest.approx(0.04)  # the test that could not be made counts
    assert np.isnan(with_nan[1])


@pytest.mark.parametrize(("family", "needed"), [(1, 6), (4, 8), (10, 9)])
def test_datasets_needed(family, needed):
    assert floors.datasets_needed(family, 0.05) == needed
    assert multiplicity.holm(np.full(family, floors.floor(needed)))[0] < 0.05
    assert multiplicity.holm(np.full(family, floors.floor(needed - 1)))[0] >= 0.05


def test_omnibus_tests_that_do_not_exist():
    same = np.tile([0.1, 0.2, 0.3], (3, 1))
    for table in (same, np.random.default_rng(0).random((2, 9)), np.random.default_rng(0).random((3, 1))):
        friedman = omnibus.friedman(table)
        assert np.isnan([friedman.statistic, friedman.p]).all()
        assert np.isnan(omnibus.iman_davenport(friedman.statistic, table.shape[1], len(table)).p)
    agreed = omnibus.friedman(np.array([[3.0, 6, 9], [2, 5, 8], [1, 4, 7]]))
    assert agreed.statistic == pytest.approx(6)  # n (k - 1): as large as can be, so that F is infinite
    assert np.isnan(omnibus.iman_davenport(agreed.statistic, 3, 3).statistic)


def mean_difference_interval(a, b, *, alpha, resamples, seed):
    """The interval that `pairwise` gives for [datasets, seeds]."""
    if len(a) == 1:
        return fixed_interval(a, b, alpha=alpha)
    difference = means.differences(means.seed_means(a), means.seed_means(b))
    return population_interval(difference, alpha=alpha, draws=Draws(resamples, seed))


def test_population_interval_is_students_or_a_little_wider():
    a = np.random.default_rng(3).normal(0.02, 0.05, (12, 1))
    low, high = mean_difference_interval(a, np.zeros((12, 1)), alpha=0.05, resamples=20_000, seed=0)
    expected = stats.t.interval(0.95, 11, loc=a.mean(), scale=stats.sem(a[:, 0]))
    assert (low, high) == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0]))
    assert low <= expected[0] + 1e-12
    assert high >= expected[1] - 1e-12


def test_population_interval_holds_the_noise_of_seeds_once():
    rng = np.random.default_rng(4)
    effect = rng.normal(0, 0.05, (8, 1))
    quiet = effect + np.zeros((8, 10))
    noisy = effect + rng.normal(0, 0.2, (8, 10))
    low, high = {}, {}
    for name, a in (("one", quiet[:, :1]), ("ten", quiet), ("noisy", noisy), ("its means", noisy.mean(1)[:, None])):
        low[name], high[name] = mean_difference_interval(a, np.zeros_like(a), alpha=0.05, resamples=4000, seed=0)
    assert (low["ten"], high["ten"]) == (low["one"], high["one"])  # ten equal seeds teach nothing of new datasets
    assert high["noisy"] - low["noisy"] > 1.1 * (high["one"] - low["one"])  # the means scatter more
    assert (low["noisy"], high["noisy"]) == (low["its means"], high["its means"])  # and nothing else counts


def test_bootstrap_with_uneven_seeds_is_unbiased():
    a = np.array([[0.1, 0.5, 0.3], [0.4, NAN, NAN], [0.2, 0.6, NAN]])
    drawn = mean_difference_interval(
        a, np.zeros((3, 1)), alpha=0.999, resamples=40_000, seed=0
    )  # both ends: the median
    assert np.mean(drawn) == pytest.approx(np.nanmean(a, axis=1).mean(), abs=0.01)


def test_bootstrap_of_one_dataset_is_of_its_seeds():
    a, b = np.array([[0.8, 0.82, 0.84, 0.86]]), np.array([[0.7, 0.72, NAN, 0.71]])
    low, high = mean_difference_interval(a, b, alpha=0.05, resamples=2000, seed=0)
    assert 0.8 - 0.72 <= low < 0.12 < high <= 0.86 - 0.7
    assert np.isnan(mean_difference_interval(a[:, :1], b, alpha=0.05, resamples=2000, seed=0)).all()
