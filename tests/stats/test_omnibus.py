import math

import numpy as np
import pytest
from scipy import stats

from dynconv.stats import omnibus
from dynconv.stats.means import tied
from dynconv.stats.omnibus import aligned_ranks, quade


def _hodges_lehmann_1962(ranks):
    """The statistic as printed for untied ranks [variants, datasets] (Garcia et al. 2010, section 2.2)."""
    k, n = ranks.shape
    top = (k - 1) * ((ranks.sum(axis=1) ** 2).sum() - k * n**2 / 4 * (k * n + 1) ** 2)
    return top / (k * n * (k * n + 1) * (2 * k * n + 1) / 6 - (ranks.sum(axis=0) ** 2).sum() / k)


def _quade_without_tie_correction(means):
    """The statistic as printed for untied ranks within datasets (Garcia et al. 2010, section 2.3)."""
    k, n = means.shape
    weight = stats.rankdata(np.ptp(means, axis=0))
    between = ((weight * (stats.rankdata(means, axis=0) - (k + 1) / 2)).sum(axis=1) ** 2).sum() / n
    return (n - 1) * between / (n * (n + 1) * (2 * n + 1) * k * (k + 1) * (k - 1) / 72 - between)


def test_garcia_herrera_as_printed(published):
    means = published("garcia_herrera_2008").to_numpy().T
    assert _quade_without_tie_correction(means) == pytest.approx(10.802, abs=5e-4)
    assert quade(means).statistic == pytest.approx(10.943, abs=5e-4)  # with the ties within datasets
    exact = np.round(means - means.mean(axis=0), 12)
    assert _hodges_lehmann_1962(stats.rankdata(exact).reshape(means.shape)) == pytest.approx(41.728, abs=5e-4)
    assert aligned_ranks(means).statistic == pytest.approx(41.729, abs=5e-4)  # hardly any ties: nearly the same
    assert (aligned_ranks(means).df1, quade(means).df1, quade(means).df2) == (4, 4, 116)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="needs the 80-bit floats that R averages with")
def test_garcia_herrera_aligned_ranks_need_the_printed_rounding_errors(published):
    means = published("garcia_herrera_2008").to_numpy().T
    # R's rowMeans sums in 80 bits; what is left of ties then depends on the last bit of each mean.
    level = (means.astype(np.longdouble).sum(axis=0) / len(means)).astype(float)
    ranks = stats.rankdata(means - level).reshape(means.shape)
    assert _hodges_lehmann_1962(ranks) == pytest.approx(41.691, abs=5e-4)


def test_quade_of_conover():
    """Five brands of hand lotion in seven stores (Conover 1999, Practical Nonparametric Statistics, section 5.8)."""
    sales = [
        [5, 4, 7, 10, 12],
        [1, 3, 1, 0, 2],
        [16, 12, 22, 22, 35],
        [5, 4, 3, 5, 4],
        [10, 9, 7, 13, 10],
        [19, 18, 28, 37, 58],
        [10, 7, 6, 8, 7],
    ]
    got = quade(np.array(sales, float).T)
    assert got.statistic == pytest.approx(3.8293, abs=5e-5)  # as R's quade.test gives for these data
    assert (got.df1, got.df2) == (4, 24)
    assert got.p == pytest.approx(0.01519, abs=5e-6)


@pytest.mark.parametrize("test", [aligned_ranks, quade])
def test_what_the_tests_do_not_depend_on(test):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(4, 9))
    expected = test(means).statistic
    assert test(-means).statistic == pytest.approx(expected)
    assert test(100 * means[::-1]).statistic == pytest.approx(expected)
    assert test(means + rng.normal(size=9)).statistic == pytest.approx(expected)  # a dataset's level
    gap = np.full((4, 1), 0.5)
    gap[0] = np.nan
    assert test(np.concatenate([means, gap], axis=1)) == test(means)  # incomplete


@pytest.mark.parametrize("test", [aligned_ranks, quade])
def test_ties_between_datasets_survive_rounded_means(test):
    hits = np.array([[1, 2, 4], [2, 3, 5], [4, 4, 4], [7, 9, 11]]).T  # right answers of 6, of 60 and of 30
    hits = np.concatenate([hits, 10 * hits, 5 * hits + 1], axis=1)
    out_of = np.repeat([6, 60, 30], 4)
    means = tied(hits / out_of)
    sixtieths = np.rint(60 * hits / out_of)  # the same numbers without a rounding error
    assert test(means).statistic == pytest.approx(test(sixtieths).statistic, rel=1e-9)


@pytest.mark.parametrize("test", [aligned_ranks, quade])
def test_level_under_the_null_hypothesis(test):
    rng = np.random.default_rng(1)
    rejected = sum(test(rng.standard_t(3, (4, 15))).p < 0.05 for _ in range(600))
    assert 600 * 0.02 <= rejected <= 600 * 0.085


@pytest.mark.parametrize("test", [aligned_ranks, quade])
@pytest.mark.parametrize(
    "means",
    [
        np.ones((2, 5)) * [[1], [2]],
        np.array([[1.0], [2], [3]]),
        np.full((3, 4), 0.5),
        np.full((3, 4), np.nan),
        np.empty((3, 0)),
    ],
    ids=["two variants", "one dataset", "constant", "no value", "no dataset"],
)
def test_no_test_exists(test, means):
    got = test(means)
    assert math.isnan(got.statistic) and math.isnan(got.p)
    assert got.df1 == len(means) - 1


def test_datasets_that_all_agree():
    means = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5]])
    assert math.isnan(quade(means).p)  # infinite F
    assert aligned_ranks(means).statistic == pytest.approx(2 * 3)  # as Friedman's: n (k - 1)
    assert aligned_ranks(means).statistic == pytest.approx(omnibus.friedman(means).statistic)
