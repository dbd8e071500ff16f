"""The table `seeds`: P(A > B), its interval and conclusion, the families, and the limits of the design."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dynconv import records
from dynconv.records import TABLES
from dynconv.stats import outperforming, seeds
from dynconv.stats.outperforming import MEANINGFUL, NOT_MEANINGFUL, NOT_SIGNIFICANT, interval, meaning, probability

OPTIONS = {"alpha": 0.05, "resamples": 1000, "seed": 0}
NAMES = ["odconv", "soft", "vanilla"]
FAMILIES = {"primary": [("odconv", "vanilla"), ("soft", "vanilla")], "secondary": [("odconv", "soft")]}


@pytest.fixture
def values():
    values = np.random.default_rng(0).normal(0.7, 0.01, (3, 2, 6))
    values[0] += 0.05
    return values


def test_probability_counts_pairs_with_ties_as_half():
    a, b = np.array([0.3, 0.5, 0.7]), np.array([0.3, 0.4])
    assert probability(a, b) == pytest.approx((0.5 + 0 + 1 + 1 + 1 + 1) / 6)
    assert probability(np.array([0.1 + 0.2]), np.array([0.3])) == 0.5  # equal but for the last bit
    assert np.isnan(probability(a, b[:0]))


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 5), (3, 10), (30, 29)])
@pytest.mark.parametrize("theta", [0.0, 0.2, 0.5, 0.75, 0.99, 1.0])
def test_the_interval_solves_its_equation_and_mirrors(n, m, theta):
    low, high = interval(theta, n, m, alpha=0.05)
    assert 0 <= low <= theta <= high <= 1
    quantile, others = stats.t.ppf(0.975, n + m - 2), (n + m) / 2 - 1
    for end in (low, high):
        if 0 < end < 1:
            variance = end * (1 - end) / (n * m) * (1 + others * ((1 - end) / (2 - end) + end / (1 + end)))
            assert abs(theta - end) == pytest.approx(quantile * np.sqrt(variance), abs=1e-9)
    mirrored = interval(1 - theta, m, n, alpha=0.05)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_the_interval_has_a_width_where_a_bootstrap_has_none():
    low, high = interval(1.0, 5, 5, alpha=0.05)
    assert 0.5 < low < 0.7  # every resample of two separate groups gives 1 again
    assert high == 1
    assert interval(1.0, 3, 3, alpha=0.05)[0] < 0.5  # three runs each: the permutation test cannot reject either
    assert np.isnan(interval(1.0, 1, 30, alpha=0.05)).all()


@pytest.mark.parametrize(("n", "m", "theta"), [(3, 3, 0.5), (5, 5, 0.9), (10, 10, 0.75), (4, 8, 0.75)])
def test_the_interval_covers_the_truth(n, m, theta):
    rng = np.random.default_rng(2)
    shift = stats.norm.ppf(theta) * np.sqrt(2)
    covered = 0
    for _ in range(1000):
        low, high = interval(probability(rng.normal(shift, 1, n), rng.normal(0, 1, m)), n, m, alpha=0.05)
        covered += low <= theta <= high
    assert covered >= 930


def test_the_three_conclusions_in_both_directions():
    assert meaning(0.45, 0.99, threshold=0.75) == NOT_SIGNIFICANT
    assert meaning(0.55, 0.74, threshold=0.75) == NOT_MEANINGFUL
    assert meaning(0.55, 0.76, threshold=0.75) == MEANINGFUL
    assert meaning(0.26, 0.45, threshold=0.75) == NOT_MEANINGFUL
    assert meaning(0.24, 0.45, threshold=0.75) == MEANINGFUL
    assert meaning(0.5, 0.9, threshold=0.75) == NOT_SIGNIFICANT
    assert meaning(np.nan, np.nan, threshold=0.75) == NOT_SIGNIFICANT


def test_columns_are_those_of_the_table(values):
    rows = seeds.rows(values, NAMES, ["d0", "d1"], FAMILIES, **OPTIONS)
    assert len(rows) == 2 * 3
    wanted = {column.name for column in TABLES["seeds"].columns} - {"task", "metric"}
    assert all(set(row) == wanted for row in rows)
    table = records.to_table("seeds", pd.DataFrame(rows).assign(task="segmentation", metric="miou"))
    assert table.column("p_holm").null_count == 0


def test_each_dataset_and_family_is_adjusted_by_itself(values):
    rows = seeds.rows(values, NAMES, ["d0", "d1"], FAMILIES, **OPTIONS)
    for dataset in ("d0", "d1"):
        first, second, only = [row for row in rows if row["dataset"] == dataset]
        assert only["family"] == "secondary"
        assert only["p_holm"] == only["p"] == max(only["p_permutation"], only["p_welch"])
        assert only["p_holm_permutation"] == only["p_permutation"]
        assert first["p_permutation"] == pytest.approx(2 / 924)  # six against six, apart
        assert first["p_holm"] == first["p_holm_permutation"] == pytest.approx(4 / 924)
        assert second["p_holm"] == pytest.approx(max(second["p"], 4 / 924))
        assert first["p_holm_welch"] == pytest.approx(2 * first["p_welch"])
        assert first["meaning"] == MEANINGFUL
        assert first["prob_a_better"] == 1


def test_a_pair_depends_on_nothing_else_in_the_table(values):
    all_rows = seeds.rows(values, NAMES, ["d0", "d1"], FAMILIES, **OPTIONS)
    few = seeds.rows(
        values[[2, 0], 1:, ::-1], ["vanilla", "odconv"], ["d1"], {"primary": FAMILIES["primary"][:1]}, **OPTIONS
    )
    full = next(r for r in all_rows if (r["dataset"], r["variant_a"], r["variant_b"]) == ("d1", "odconv", "vanilla"))
    same = set(full) - {"p_holm", "p_holm_permutation", "p_holm_welch", "limits"}
    assert {key: full[key] for key in same} == {key: few[0][key] for key in same}


@pytest.mark.filterwarnings("error")
def test_missing_runs_are_counted_and_said(values):
    values[0, 0] = np.nan
    values[1, 0, 1:] = np.nan
    rows = {r["variant_a"]: r for r in seeds.rows(values, NAMES, ["d0"], {"primary": FAMILIES["primary"]}, **OPTIONS)}
    none, one = rows["odconv"], rows["soft"]
    assert (none["n_a"], none["n_b"], none["coverage"]) == (0, 6, 0.5)
    assert none["limits"] == "No run of odconv has a value on d0, so nothing can be said of the pair."
    assert np.isnan([none["mean_diff"], none["p_permutation"], none["p"], none["p_holm"]]).all()
    assert none["p_floor"] == one["p_floor"] == 1  # without scatter there is no test
    assert np.isnan([one["p"], one["p_holm"]]).all()
    assert one["p_holm_permutation"] == pytest.approx(
        min(1, 2 * one["p_permutation"])
    )  # the other test of the family counts
    assert one["limits"].startswith("A single run of soft on d0 does not show how far its result varies")
    assert np.isnan([one["p_welch"], one["ci_low"], one["prob_a_better_ci_low"]]).all()
    assert one["meaning"] == NOT_SIGNIFICANT


def test_limits_say_what_these_seeds_could_never_show(values):
    row = seeds.rows(values[:, :1, :3], NAMES, ["voc2012"], FAMILIES, **OPTIONS)[0]
    assert row["limits"] == (
        "3 and 3 runs on the one test split of voc2012 show how results vary from training to training there, not what"
        " happens on other datasets or other test examples; the least possible p is 0.1 (0.2 after Holm"
        " over 2 tests), so no result could be significant at alpha 0.05."
    )
    assert "so no result" not in seeds.rows(values, NAMES, ["d0", "d1"], FAMILIES, **OPTIONS)[0]["limits"]


@pytest.mark.filterwarnings("error")
def test_constant_results():
    row = seeds.rows(np.full((3, 1, 5), 0.7), NAMES, ["d0"], FAMILIES, **OPTIONS)[0]
    assert (row["mean_diff"], row["p_permutation"], row["prob_a_better"]) == (0, 1, 0.5)
    assert np.isnan(row["p_welch"])
    assert row["meaning"] == outperforming.NOT_SIGNIFICANT
    assert row["p"] == 1


def test_where_runs_scatter_unequally_both_tests_must_reject():
    """Exchanging runs alone would reject too often: here Welch's test does not follow."""
    calm, wild = np.full(5, 0.7) + np.arange(5) * 1e-5, np.array([0.71, 0.72, 0.75, 0.80, 0.95])
    row = seeds.rows(np.stack([wild, calm])[:, None], ["a", "b"], ["d"], {"f": [("a", "b")]}, **OPTIONS)[0]
    assert row["p_permutation"] < 0.05 < row["p_welch"] == row["p"] == row["p_holm"]
