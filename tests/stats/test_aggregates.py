import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dynconv.records import TABLES
from dynconv.stats import aggregates

PLAN = {"alpha": 0.05, "resamples": 500, "seed": 0}


def _scores(variants=2, datasets=6, seeds=5, rng=0):
    rng = np.random.default_rng(rng)
    return rng.uniform(0.4, 0.9, (1, datasets, 1)) + rng.normal(0, 0.02, (variants, datasets, seeds))


def _table(rows):
    return pd.DataFrame(rows).set_index(["variant", "statistic"])


def test_by_definition():
    values = _scores(seeds=7)  # 42 runs: a quarter is no whole number
    got = aggregates.rows(values, ["a", "b"], **PLAN)
    assert ["task", *got[0]] == [column.name for column in TABLES["aggregates"].columns]
    got = _table(got)
    for variant, own in zip(["a", "b"], values, strict=True):
        assert got.loc[(variant, "mean"), "value"] == pytest.approx(own.mean())
        assert got.loc[(variant, "median"), "value"] == pytest.approx(np.median(own.mean(axis=1)))
        assert got.loc[(variant, "iqm"), "value"] == pytest.approx(stats.trim_mean(own.ravel(), 0.25))
    assert (got["ci_low"] < got["value"]).all() and (got["value"] < got["ci_high"]).all()
    assert (got["n_datasets"] == 6).all() and (got["coverage"] == 1).all()


def test_unequal_seeds_weigh_each_dataset_the_same():
    values = _scores(variants=1, datasets=4, seeds=6)
    values[0, 0, 3:] = np.nan
    values[0, 1, 1:] = np.nan
    values[0, 2, 2:] = np.nan
    got = _table(aggregates.rows(values, ["a"], **PLAN))
    filled = np.stack([np.repeat(row[~np.isnan(row)], 6 // np.sum(~np.isnan(row))) for row in values[0]])
    assert got.loc[("a", "iqm"), "value"] == pytest.approx(stats.trim_mean(filled.ravel(), 0.25))
    assert got.loc[("a", "mean"), "value"] == pytest.approx(filled.mean())
    assert got.loc[("a", "median"), "value"] == pytest.approx(np.median(filled.mean(axis=1)))
    taus = pd.DataFrame(aggregates.profile_rows(values, ["a"], **PLAN))
    assert taus["share"].to_numpy() == pytest.approx([(filled > tau).mean() for tau in taus["tau"]])


def test_numbers_of_seeds_without_a_small_common_multiple():
    rng = np.random.default_rng(0)
    values = np.full((1, 40, 40), np.nan)
    for dataset in range(40):
        values[0, dataset, : dataset + 1] = rng.normal(0.5, 0.1, dataset + 1)
    got = _table(aggregates.rows(values, ["a"], **PLAN))
    assert got.loc[("a", "iqm"), "value"] == pytest.approx(0.5, abs=0.05)
    assert np.isfinite(got[["ci_low", "ci_high"]].to_numpy()).all()


def test_only_complete_datasets_count():
    values = _scores(variants=3, datasets=8)
    values[1, 2] = np.nan
    got = aggregates.rows(values, ["a", "b", "c"], **PLAN)
    assert {row["n_datasets"] for row in got} == {7}
    assert {row["coverage"] for row in got} == {7 / 8}
    assert got == [
        {**row, "coverage": 7 / 8} for row in aggregates.rows(np.delete(values, 2, axis=1), ["a", "b", "c"], **PLAN)
    ]


def test_the_same_bytes_whatever_the_order():
    values = _scores(variants=3)
    rng = np.random.default_rng(1)
    for function in (aggregates.rows, aggregates.profile_rows):
        got = function(values, ["a", "b", "c"], **PLAN)
        assert function(values, ["a", "b", "c"], **PLAN) == got
        assert function(rng.permuted(values, axis=2), ["a", "b", "c"], **PLAN) == got  # which seed had which score
        turned = function(values[::-1], ["c", "b", "a"], **PLAN)
        assert [row for name in "abc" for row in turned if row["variant"] == name] == got
        assert function(values, ["a", "b", "c"], alpha=0.05, resamples=500, seed=1) != got
    alone = aggregates.rows(values[1:2], ["b"], **PLAN)
    assert alone == [row for row in aggregates.rows(values, ["a", "b", "c"], **PLAN) if row["variant"] == "b"]


def test_one_seed_has_no_interval():
    values = _scores(seeds=1)
    got = _table(aggregates.rows(values, ["a", "b"], **PLAN))
    assert got["value"].notna().all() and got[["ci_low", "ci_high"]].isna().all(axis=None)
    profile = pd.DataFrame(aggregates.profile_rows(values, ["a", "b"], **PLAN))
    assert profile["share"].notna().all() and profile[["ci_low", "ci_high"]].isna().all(axis=None)


def test_profile():
    values = _scores(seeds=4)
    rows = aggregates.profile_rows(values, ["a", "b"], **PLAN)
    assert ["task", *rows[0]] == [column.name for column in TABLES["performance_profiles"].columns]
    frame = pd.DataFrame(rows)
    for variant, own in zip(["a", "b"], values, strict=True):
        mine = frame[frame["variant"] == variant]
        assert len(mine) == 101
        assert (mine["tau"].iloc[0], mine["tau"].iloc[-1]) == (values.min(), values.max())
        assert mine["share"].to_numpy() == pytest.approx([(own > tau).mean() for tau in mine["tau"]])
        assert mine["share"].iloc[-1] == 0 and (mine["share"].diff().dropna() <= 0).all()
        assert (mine["ci_low"] <= mine["share"]).all() and (mine["share"] <= mine["ci_high"]).all()
        assert mine[["ci_low", "ci_high"]].stack().between(0, 1).all()


def test_nothing_varies_or_nothing_is_there():
    constant = np.full((2, 3, 4), 0.5)
    got = _table(aggregates.rows(constant, ["a", "b"], **PLAN))
    assert (got[["value", "ci_low", "ci_high"]] == 0.5).all(axis=None)
    profile = aggregates.profile_rows(constant, ["a", "b"], **PLAN)
    assert [(row["tau"], row["share"]) for row in profile] == [(0.5, 0.0)] * 2
    apart = np.full((2, 2, 3), np.nan)
    apart[0, 0] = apart[1, 1] = 0.5  # no dataset has both
    got = aggregates.rows(apart, ["a", "b"], **PLAN)
    assert len(got) == 6 and all(row["n_datasets"] == 0 and np.isnan(row["value"]) for row in got)
    assert aggregates.profile_rows(apart, ["a", "b"], **PLAN) == []
    zero = _table(aggregates.rows(np.zeros((1, 2, 2)), ["a"], **PLAN))
    assert (zero[["value", "ci_low", "ci_high"]] == 0).all(axis=None)


def test_intervals_make_up_for_few_seeds():
    """Plain percentiles of three seeds cover the mean in about 87 % of such tables."""
    rng = np.random.default_rng(4)
    level = rng.uniform(0.5, 0.9, 10)
    covered = 0
    for seed in range(150):
        values = level[:, None] + rng.normal(0, 0.02, (1, 10, 3))
        row = aggregates.rows(values, ["a"], alpha=0.05, resamples=400, seed=seed)[0]
        covered += row["ci_low"] <= level.mean() <= row["ci_high"]
    assert covered >= 0.9 * 150


def test_large_tables_draw_less(monkeypatch):
    values = _scores(variants=1)
    expected = aggregates.rows(values, ["a"], alpha=0.05, resamples=700, seed=0)
    monkeypatch.setattr(aggregates, "_DRAWN_UP_TO", 1)
    monkeypatch.setattr(aggregates, "_LEAST_RESAMPLES", 700)
    assert aggregates.rows(values, ["a"], alpha=0.05, resamples=10_000, seed=0) == expected
    monkeypatch.setattr(aggregates, "_BLOCK", 100)  # however many are held at once
    assert aggregates.rows(values, ["a"], alpha=0.05, resamples=10_000, seed=0) == expected
