"""compare_pairs: its columns, its independence of everything else in the table, and tables with holes."""

import numpy as np
import pytest
from scipy import stats

from dynconv.comparison_tables.pairs import PAIRWISE
from dynconv.errors import DynconvError
from dynconv.stats import draws
from dynconv.stats.pairwise import compare_pairs
from dynconv.stats.permutation import sign_flip_p

NAMES = ["a", "b", "c", "d"]
PLAN = {"alpha": 0.05, "resamples": 300, "seed": 7}


@pytest.fixture
def values():
    """[4 variants, 20 datasets, 3 seeds]."""
    rng = np.random.default_rng(0)
    return rng.normal(0.7, 0.1, (1, 20, 1)) + rng.normal(0, 0.02, (4, 20, 3))


def _equal(one, other):
    assert list(one) == list(other)
    assert np.array(list(one.values())).tobytes() == np.array(list(other.values())).tobytes()


def test_columns_are_those_of_the_schema(values):
    names = [column.name for column in PAIRWISE.columns]
    expected = names[names.index("n_datasets") : names.index("p_permutation") + 1]
    expected.remove("n_failed")  # of runs, not of values
    values[1] = np.nan
    for row in compare_pairs(values, NAMES, [("a", "b"), ("a", "c")], **PLAN):
        assert set(row) == set(expected)


def test_a_pair_is_the_same_whatever_else_is_in_the_table(values):
    values[2, :5] = np.nan  # other variants have other holes, and so other numbers of datasets
    values[3, 7, 1:] = np.nan
    pairs = [("c", "a"), ("a", "b"), ("b", "d"), ("d", "c")]
    rows = compare_pairs(values, NAMES, pairs, **PLAN)
    for pair, row in zip(pairs, rows, strict=True):
        pick = [NAMES.index(name) for name in pair]
        (alone,) = compare_pairs(values[pick], list(pair), [pair], **PLAN)
        _equal(alone, row)
    # Datasets that only others have, anywhere in the order, change nothing but the coverage.
    wider = np.insert(values, [0, 9, 20], np.nan, axis=1)
    (row,) = compare_pairs(wider, NAMES, [("a", "b")], **PLAN)
    assert (row["n_datasets"], row["n_missing"], row["coverage"]) == (20, 3, 20 / 23)
    _equal({**row, "n_missing": 0, "coverage": 1.0}, rows[1])


def test_same_seed_same_bytes_and_another_seed_other_ones(values):
    first, again, other = (
        compare_pairs(values, NAMES, [("a", "b")], **{**PLAN, "seed": seed})[0] for seed in (1, 1, 2)
    )
    _equal(first, again)
    assert first["mean_diff_ci_low"] != other["mean_diff_ci_low"] or first["p_permutation"] != other["p_permutation"]


def test_turning_a_pair_turns_its_numbers(values):
    there, back = compare_pairs(values, NAMES, [("a", "b"), ("b", "a")], **PLAN)
    assert (there["wins"], there["losses"]) == (back["losses"], back["wins"])
    for name in ("mean_diff", "hodges_lehmann", "rank_biserial", "cliffs_delta"):
        assert there[name] == pytest.approx(-back[name])
    for name in ("mean_diff_fixed", "hodges_lehmann", "rank_biserial", "cliffs_delta"):
        assert there[f"{name}_ci_low"] == pytest.approx(-back[f"{name}_ci_high"])
    assert there["a12_ci_low"] == pytest.approx(1 - back["a12_ci_high"])
    assert there["a12"] == pytest.approx((1 + there["cliffs_delta"]) / 2)
    assert there["p_wilcoxon"] == pytest.approx(back["p_wilcoxon"])


def test_every_estimate_lies_inside_its_interval(values):
    values[0, 3, 1:] = np.nan
    values[1, 4:6] = values[0, 4:6]  # two ties
    for row in compare_pairs(values, NAMES, [("a", "b"), ("c", "d")], **PLAN):
        for name in ("mean_diff", "hodges_lehmann", "rank_biserial", "prob_a_better", "cliffs_delta", "a12"):
            assert row[f"{name}_ci_low"] < row[name] < row[f"{name}_ci_high"], name
    assert np.isnan(compare_pairs(values, NAMES, [("a", "b")], **PLAN)[0]["mean_diff_fixed_ci_low"])


def test_one_dataset_has_the_interval_of_its_seeds(values):
    (row,) = compare_pairs(values[:, :1], NAMES, [("a", "b")], **PLAN)
    welch = stats.ttest_ind(values[0, 0], values[1, 0], equal_var=False).confidence_interval()
    for prefix in ("mean_diff_ci", "mean_diff_fixed_ci"):
        assert (row[f"{prefix}_low"], row[f"{prefix}_high"]) == pytest.approx(tuple(welch), abs=1e-11)
    assert np.isnan([row["prob_a_better_ci_low"], row["rank_biserial_ci_low"], row["hodges_lehmann_ci_low"]]).all()
    (row,) = compare_pairs(values[:, :1, :1], NAMES, [("a", "b")], **PLAN)
    assert np.isnan([row["mean_diff_ci_low"], row["mean_diff_fixed_ci_low"], row["a12_ci_low"]]).all()


def test_constant_values_and_no_values():
    same = np.full((2, 9, 2), 0.1 + 0.2)
    (row,) = compare_pairs(same, ["a", "b"], [("a", "b")], **PLAN)
    assert (row["wins"], row["ties"], row["losses"], row["p_permutation"]) == (0, 9, 0, 1)
    assert [row[f"mean_diff_{end}"] for end in ("ci_low", "ci_high", "fixed_ci_low", "fixed_ci_high")] == [0] * 4
    assert (row["rank_biserial"], row["a12"], row["prob_a_better"]) == (0, 0.5, 0.5)
    same[1] = np.nan
    (row,) = compare_pairs(same, ["a", "b"], [("a", "b")], **PLAN)
    assert (row["n_datasets"], row["n_missing"], row["coverage"], row["wins"]) == (0, 9, 0, 0)
    assert np.isnan([row["mean_diff"], row["a12_ci_high"], row["p_wilcoxon"], row["p_permutation"]]).all()


def test_an_unknown_variant(values):
    with pytest.raises(DynconvError, match=r"variant 'x' is not in the table; valid: .*a.*d"):
        compare_pairs(values, NAMES, [("a", "x")], **PLAN)
    assert compare_pairs(values, NAMES, [], **PLAN) == []


@pytest.mark.parametrize("n", [4, 16, 17])
def test_sign_flips_are_those_of_scipy(n):
    d = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", vectorized=True, n_resamples=2**17, batch=4096
    )  # all patterns
    got = sign_flip_p(d, resamples=20_000, seed=0)
    assert got == pytest.approx(expected.pvalue, abs=1e-12 if n <= 16 else 0.01)


def test_draws_in_blocks_are_counts_and_signs(monkeypatch):
    monkeypatch.setattr(draws, "_BLOCK", 70)
    source = draws.Draws(25, seed=3)
    blocks = [list(source.counts(7)), list(source.signs(7))]
    for pieces in blocks:
        assert [piece.shape for piece in pieces] == [(10, 7), (10, 7), (5, 7)]
    assert (np.concatenate(blocks[0]).sum(axis=1) == 7).all()
    assert set(np.unique(np.concatenate(blocks[1]))) == {-1, 1}
    assert np.array_equal(np.concatenate(list(source.counts(7))), np.concatenate(blocks[0]))  # drawn again, the same
