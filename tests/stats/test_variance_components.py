"""Scatter between datasets and between seeds, against the analysis of variance and known truths."""

import numpy as np
import pytest
from scipy import stats

from dynconv.stats.variance_components import components

NAN = float("nan")


def _pair(rng, datasets, seeds, sd_datasets, sd_a, sd_b):
    level = rng.uniform(0.5, 0.9, (datasets, 1))
    a = level + sd_datasets * rng.standard_normal((datasets, 1)) + sd_a * rng.standard_normal((datasets, seeds))
    return a, level + sd_b * rng.standard_normal((datasets, seeds))


def test_balanced_tables_give_the_analysis_of_variance():
    a, b = _pair(np.random.default_rng(1), 12, 4, 0.05, 0.01, 0.02)
    got = components(a, b)
    within = [np.var(x, axis=1, ddof=1).mean() for x in (a, b)]
    expected = np.var(a.mean(axis=1) - b.mean(axis=1), ddof=1) - sum(within) / 4
    assert got.sd_datasets**2 == pytest.approx(expected)
    assert got.sd_seeds**2 == pytest.approx(np.mean(within))
    assert got.sd_total**2 == pytest.approx(expected + 2 * np.mean(within) / 4)
    assert (got.n_datasets, got.n_seeds, got.freedom) == (12, 4, 11)
    assert got.upper == pytest.approx(np.sqrt(11 / stats.chi2.ppf(0.2, 11)))


def test_unequal_seeds_and_variances_are_estimated_without_bias():
    rng, between, within = np.random.default_rng(2), [], []
    for _ in range(400):
        a, b = _pair(rng, 10, 6, 0.05, 0.02, 0.04)
        a[:5, 2:], b[3:, 3:] = NAN, NAN
        got = components(a, b)
        between.append(got.sd_datasets**2)
        within.append(got.sd_seeds**2)
        assert got.n_seeds == 2
    assert np.mean(between) == pytest.approx(0.05**2, rel=0.08)  # Monte-Carlo error: about 2.5 %
    assert np.mean(within) == pytest.approx((0.02**2 + 0.04**2) / 2, rel=0.05)


def test_the_upper_limit_of_the_scatter_holds_in_80_percent_of_pilots():
    rng = np.random.default_rng(3)
    truth = np.sqrt(0.03**2 + 2 * 0.02**2 / 3)
    pilots = [components(*_pair(rng, 8, 3, 0.03, 0.02, 0.02)) for _ in range(1000)]
    assert np.mean([p.sd_total * p.upper > truth for p in pilots]) == pytest.approx(0.8, abs=0.04)


def test_scatter_that_seeds_explain_leaves_none_to_datasets():
    a = np.array([[0.1, 0.5], [0.5, 0.1], [0.3, 0.3]])
    got = components(a, a[:, ::-1])
    assert got.sd_datasets == 0
    assert got.sd_total == pytest.approx(got.sd_seeds)  # sd_seeds sqrt(2 / 2 seeds)


def test_single_seeds_cannot_be_separated():
    a, b = np.array([[0.1], [0.4], [0.2]]), np.array([[0.0], [0.1], [0.3]])
    got = components(a, b)
    assert np.isnan([got.sd_datasets, got.sd_seeds]).all()
    assert got.sd_total == pytest.approx(np.std([0.1, 0.3, -0.1], ddof=1))
    assert (got.n_seeds, got.freedom) == (1, 2)


def test_one_repeated_cell_gives_the_scatter_of_seeds():
    a, b = np.array([[0.1, 0.3], [0.4, NAN]]), np.array([[0.5, NAN], [0.9, NAN]])
    got = components(a, b)
    assert got.sd_seeds == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert not np.isnan(got.sd_datasets)


def test_one_dataset_has_seeds_only():
    got = components(np.array([[1.0, 2.0, 3.0, NAN]]), np.array([[4.0, 6.0, NAN, NAN]]))
    assert got.sd_seeds**2 == pytest.approx((1 + 2) / 2)
    assert (got.n_datasets, got.n_seeds, got.freedom) == (1, 2, 3)
    assert got.sd_total**2 == pytest.approx(2 * 1.5 / 2)
    assert np.isnan(got.sd_datasets)
    single = components(np.array([[1.0]]), np.array([[2.0]]))
    assert single.freedom == 0
    assert np.isnan([single.sd_seeds, single.sd_total, single.upper]).all()


def test_datasets_without_both_are_left_out():
    a, b = np.array([[NAN, NAN], [1.0, 2.0]]), np.array([[1.0, 2.0], [NAN, NAN]])
    assert components(a, b).n_datasets == 0
    wide_a, wide_b = _pair(np.random.default_rng(5), 6, 3, 0.05, 0.01, 0.01)
    kept = components(wide_a[1:], wide_b[1:])
    wide_b[0] = NAN
    assert components(wide_a, wide_b) == kept


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_constant_values_have_no_scatter_at_any_scale(scale):
    a = np.full((4, 3), 0.1 + 0.2) * scale
    got = components(a, np.full((4, 3), 0.1) * scale)
    assert (got.sd_datasets, got.sd_seeds, got.sd_total) == (0, 0, 0)
