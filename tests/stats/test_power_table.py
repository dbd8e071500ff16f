"""Rows of `power`: what a design can find, against simulated studies, and what it says of hopeless ones."""

import numpy as np
import pytest
from scipy import stats

from dynconv.errors import DynconvError
from dynconv.stats import power, scatter
from dynconv.stats.detection import signed_rank_power
from dynconv.stats.effects import hodges_lehmann
from dynconv.tables import TABLES

NAN = float("nan")


def _exactly(rng, shape, sd, axis):
    """Normal numbers whose mean and standard deviation over `axis` are 0 and `sd`, exactly."""
    x = rng.standard_normal(shape)
    x -= x.mean(axis=axis, keepdims=True)
    return sd * x / x.std(axis=axis, ddof=1, keepdims=True)


def _pilot(variants=2, datasets=16, seeds=5, sd_datasets=0.02, sd_seeds=0.03):
    """A pilot whose estimates are the truth; the variance between its differences is that of datasets and seeds."""
    rng = np.random.default_rng(7)
    values = 0.7 + _exactly(rng, (variants, datasets, seeds), sd_seeds, 2)
    if datasets > 1:
        values[0] += _exactly(rng, (datasets, 1), np.sqrt(sd_datasets**2 + 2 * sd_seeds**2 / seeds), 0)
    return values


def _rows(values, pairs=None, **options):
    names = [f"v{v}" for v in range(len(values))]
    pairs = pairs or [(name, names[-1]) for name in names[:-1]]
    return power.rows(values, names, {"primary": pairs}, **{"rope": 0.01, "alpha": 0.05, **options})


def test_columns_are_those_of_the_table():
    assert {"task", "metric", *_rows(_pilot())[0]} == {column.name for column in TABLES["power"].columns}


def test_power_over_datasets_is_that_of_simulated_studies():
    small, middle, large = _rows(_pilot(), effects=[0.04, 0.01, 0.024])
    assert (small["effect"], middle["effect"], large["effect"]) == (0.01, 0.024, 0.04)
    assert small["sd_datasets"] == pytest.approx(0.02)
    assert small["sd_seeds"] == pytest.approx(0.03)
    rng = np.random.default_rng(8)

    def share(row, datasets=16, seeds=5, inflated=1.0, sd_datasets=0.02):
        shape = (1500, datasets)
        noise = 0.03 * rng.standard_normal((2, *shape, seeds)).mean(axis=-1)
        scatter = sd_datasets * rng.standard_normal(shape) + noise[0] - noise[1]
        return np.mean(stats.wilcoxon(row["effect"] + inflated * scatter, axis=1).pvalue < 0.05)

    upper = np.sqrt(15 / stats.chi2.ppf(0.2, 15))
    for row in (small, middle, large):
        assert share(row) == pytest.approx(row["power"], abs=0.04)
        assert share(row, inflated=upper) == pytest.approx(row["power_low"], abs=0.04)
    assert share(small, datasets=small["datasets_needed"], inflated=upper) == pytest.approx(0.8, abs=0.04)
    assert small["seeds_needed"] is None  # the scatter between datasets alone is too much for 16 of them
    worst = np.sqrt(upper**2 * (0.02**2 + 2 * 0.03**2 / 5) - 2 * 0.03**2 / 5)
    assert middle["seeds_needed"] > 5
    assert share(middle, seeds=middle["seeds_needed"], sd_datasets=worst) == pytest.approx(0.8, abs=0.05)
    assert large["seeds_needed"] < 5
    assert share(large, seeds=large["seeds_needed"], inflated=upper) >= 0.8 - 0.04
    assert share(large, seeds=large["seeds_needed"] - 1, inflated=upper) < 0.8 + 0.04
    detectable = {"effect": small["detectable"]}
    assert share(detectable, inflated=upper) == pytest.approx(0.8, abs=0.04)


def test_power_over_seeds_of_one_dataset_is_that_of_simulated_studies():
    (row,) = _rows(_pilot(datasets=1, seeds=5, sd_seeds=0.01), effects=[0.02])
    rng = np.random.default_rng(9)

    def share(sd, seeds):
        a, b = 0.02 + sd * rng.standard_normal((300, seeds)), sd * rng.standard_normal((300, seeds))
        test = stats.permutation_test(
            (a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), vectorized=True, axis=1, n_resamples=300, rng=rng
        )
        return np.mean(test.pvalue < 0.05)

    assert row["sd_datasets"] is None
    assert share(0.01, 5) == pytest.approx(row["power"], abs=0.09)
    upper = np.sqrt(8 / stats.chi2.ppf(0.2, 8))
    assert share(0.01 * upper, row["seeds_needed"]) == pytest.approx(0.8, abs=0.09)


def test_power_on_real_archives_follows_their_few_huge_differences(published):
    """LITE's published table (Ismail-Fawaz et al. 2023), 128 UCR datasets, as if each accuracy were one run."""
    table = published("lite_accuracy")
    rng = np.random.default_rng(10)
    for a, b in (("FCN", "ResNet"), ("LITE", "ROCKET"), ("InceptionTime", "MultiROCKET")):
        values = table[[a, b]].to_numpy().T[:, :, None]
        (row,) = power.rows(values, [a, b], {"primary": [(a, b)]}, rope=0.01, alpha=0.05, effects=[0.006])
        differences = values[0, :, 0] - values[1, :, 0]
        centred = differences - hodges_lehmann(differences)
        signs = rng.choice([-1, 1], (800, 128))
        samples = 0.006 + signs * rng.choice(centred, (800, 128)) + 1e-9 * rng.standard_normal((800, 128))
        found = np.mean(stats.wilcoxon(samples, axis=1).pvalue < 0.05)
        assert row["power"] == pytest.approx(found, abs=0.08)
        assert signed_rank_power(128, 0.006 / np.std(differences, ddof=1), 0.05) < found - 0.1


def test_scatter_from_normal_pilots_is_normal():
    rng = np.random.default_rng(11)
    for n in (20, 128):
        ratios = []
        for _ in range(100):
            sample = rng.standard_normal(n)
            sd = sample.std(ddof=1)
            ratios.append(scatter.observed(sample, sd).equivalent(0.5) / (0.5 / sd))
        assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert scatter.observed(sample[:19], 2.0).equivalent(3.0) == 1.5  # too few to show a shape


def test_equal_differences_have_no_shape():
    assert scatter.observed(np.full(30, 0.2), 0.5).equivalent(1.0) == 2.0
    values = np.full((2, 30, 2), 0.7) + np.array([0.0, 0.1])  # seeds differ, the datasets' differences do not
    row = _rows(values)[0]
    assert row["sd_datasets"] == 0
    assert 0 < row["power"] < 1


@pytest.mark.parametrize("ties", [0, 15, 28])
def test_scatter_goes_forth_and_back_through_ties_and_beyond_its_ends(ties):
    sample = np.random.default_rng(12).standard_normal(30)
    sample[:ties] = 0
    curve = scatter.observed(sample, 0.5)
    effects = np.array([0.0, 1e-6, 0.01, 0.3, 5.0, 1e6])
    equivalents = [curve.equivalent(effect) for effect in effects]
    assert (np.diff(equivalents) > 0).all()
    assert [curve.effect(equivalent) for equivalent in equivalents] == pytest.approx(effects)


def test_needs_agree_with_power_at_the_same_size():
    for effect in (0.01, 0.02, 0.04):
        (row,) = _rows(_pilot(), effects=[effect])
        assert (row["power_low"] >= 0.8) == (row["datasets_needed"] <= 16)
        assert (row["power_low"] >= 0.8) == (row["seeds_needed"] is not None and row["seeds_needed"] <= 5)
        assert (row["power_low"] >= 0.8) == (row["detectable"] <= effect)
        assert row["power_low"] < row["power"]


def test_a_larger_family_asks_for_more():
    values = _pilot(variants=6)
    alone, among = _rows(values, [("v0", "v1")])[0], _rows(values)[0]
    assert alone["alpha_each"] == pytest.approx(0.05)
    assert among["alpha_each"] == pytest.approx(0.01)
    assert among["power"] < alone["power"]


def test_too_few_datasets_find_nothing_and_seeds_do_not_help():
    row = _rows(_pilot(variants=5, datasets=6))[0]
    assert (row["power"], row["power_low"], row["seeds_needed"], row["detectable"]) == (0, 0, None, None)
    assert row["datasets_needed"] >= 8
    assert "with 6 datasets the least possible p is 0.031, not below the 0.013 of Holm's" in row["reason"]
    assert "at least 8 datasets" in row["reason"]


def test_too_few_seeds_of_one_dataset_find_nothing():
    row = _rows(_pilot(variants=5, datasets=1, seeds=4))[0]
    assert (row["power"], row["datasets_needed"]) == (0, None)
    assert row["seeds_needed"] >= 5
    assert "with 4 seeds the least possible p is 0.029" in row["reason"]


def test_single_seeds_leave_open_what_more_would_do():
    row = _rows(_pilot()[:, :, :1], effects=[0.01])[0]
    assert row["sd_datasets"] is row["sd_seeds"] is row["seeds_needed"] is None
    assert 0 < row["power"] < 1
    assert row["datasets_needed"] > 16
    assert "cannot be told apart" in row["reason"]
    lonely = _rows(_pilot(datasets=1)[:, :, :1])[0]
    assert (lonely["power"], lonely["seeds_needed"]) == (0, None)
    assert "at least 4 seeds" in lonely["reason"]


def test_no_scatter_and_no_shared_dataset_cannot_be_judged():
    row = _rows(np.full((2, 10, 3), 0.7))[0]
    assert row["power"] is row["power_low"] is row["datasets_needed"] is None
    assert "no scatter" in row["reason"]
    apart = _pilot()
    apart[0, :10], apart[1, 10:] = NAN, NAN
    row = _rows(apart)[0]
    assert (row["n_datasets"], row["power"]) == (0, None)
    assert "no dataset has a value of both" in row["reason"]
    apart[1, 10] = 0.5  # one dataset of sixteen: its test is still over datasets
    apart[0, 10] = 0.6
    row = _rows(apart)[0]
    assert (row["n_datasets"], row["power"], row["seeds_needed"]) == (1, 0, None)
    assert "at least 6 datasets" in row["reason"]


def test_without_a_smallest_difference_only_the_detectable_one_is_told():
    (row,) = _rows(_pilot(), rope=0)
    assert row["effect"] == 0
    assert row["detectable"] > 0
    assert row["seeds_needed"] is row["datasets_needed"] is None
    assert "no smallest difference that matters" in row["reason"]


def test_a_pair_does_not_depend_on_the_other_variants():
    values = _pilot(variants=4)
    assert _rows(values, [("v0", "v2")]) == power.rows(
        values[[0, 2]], ["v0", "v2"], {"primary": [("v0", "v2")]}, rope=0.01, alpha=0.05
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"effects": [-0.1]}, "effect: -0.1"),
        ({"effects": [NAN]}, "effect: nan"),
        ({"effects": [float("inf")]}, "effect: inf"),
        ({"target": 1.0}, "power: 1.0"),
        ({"alpha": 0.5}, "alpha: 0.5"),
        ({"pairs": [("v0", "v9")]}, "unknown variant 'v9'; valid: v0, v1"),
    ],
)
def test_what_cannot_be_planned_is_refused(options, line):
    with pytest.raises(DynconvError, match=line):
        _rows(_pilot(), **options)


def test_lines_tell_every_row():
    rows = [{"task": "timeseries"} | row for row in _rows(_pilot(variants=5, datasets=6))]
    text = power.lines(rows)
    assert text[0].split()[:3] == ["task", "pair", "effect"]
    assert len(text) == 1 + len(rows) + 2 + len(rows)
    assert all(row["reason"] in line for row, line in zip(rows, text[-len(rows) :], strict=True))
    assert power.lines([]) == ["power: no pair to plan for"]
    assert power.lines(_rows(_pilot()))[0].startswith("pair")
