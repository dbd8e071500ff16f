"""The whole analysis: schema, invariance, coverage, verdicts, calibration."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from dynconv import records
from dynconv.analysis_plan import Analysis
from dynconv.comparison_tables import COMPARISONS
from dynconv.errors import DynconvError
from dynconv.stats import verdict
from dynconv.stats.compare import compare as compare_all
from dynconv.stats.grid import grids
from dynconv.stats.task import Task

compare = partial(compare_all, posterior=False)  # which takes a second a pair; test_posterior_rows.py has it

FIVE = {"vanilla": 0.0, "hard_attention": 0.01, "soft_local": -0.01, "soft_global": 0.03, "odconv": 0.05}


def _pair(result, a, b="vanilla"):
    rows = result["pairwise"]
    return rows[(rows["variant_a"] == a) & (rows["variant_b"] == b)].iloc[0]


def test_columns_are_the_schemas(results):
    result = compare(results(FIVE), resamples=200)
    assert list(result) == [table.name for table in COMPARISONS]
    for name, frame in result.items():
        assert list(frame.columns) == [column.name for column in records.TABLES[name].columns]
        assert len(records.to_table(name, frame)) == len(frame)
    assert result["pairwise"]["family"].value_counts().to_dict() == {"primary": 4, "secondary": 6}


def test_order_of_rows_changes_nothing(results):
    frame = results(FIVE)
    expected = compare(frame, resamples=200, seed=7)
    shuffled = frame.sample(frac=1, random_state=1)
    assert not shuffled.index.equals(frame.index)
    for name, table in compare(shuffled, resamples=200, seed=7).items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)


def test_another_order_of_datasets_and_variants(results):
    frame = results(FIVE)
    expected = compare(frame, resamples=5000)
    renamed = frame.assign(
        dataset=frame["dataset"].map({f"d{i}": f"d{(i * 7) % 10}" for i in range(10)}),
        variant=frame["variant"].replace({"odconv": "a_odconv", "soft_local": "z_local"}),
    )
    result = compare(renamed, resamples=5000)
    back = {"a_odconv": "odconv", "z_local": "soft_local"}
    ranks = result["ranks"].assign(variant=result["ranks"]["variant"].replace(back)).set_index("variant")["mean_rank"]
    assert ranks.to_dict() == pytest.approx(expected["ranks"].set_index("variant")["mean_rank"].to_dict())
    for new, old in (("a_odconv", "odconv"), ("z_local", "soft_local"), ("soft_global", "soft_global")):
        got, want = _pair(result, new), _pair(expected, old)
        for column in (
            "mean_diff",
            "hodges_lehmann",
            "rank_biserial",
            "cliffs_delta",
            "p_wilcoxon",
            "p_holm",
            "p_permutation",
        ):
            assert got[column] == pytest.approx(want[column], abs=1e-12), column
        assert got["mean_diff_ci_low"] == pytest.approx(want["mean_diff_ci_low"], abs=2e-3)
        assert got["verdict"] == want["verdict"]


def test_same_seed_same_bytes(results, tmp_path):
    frame = results(FIVE, datasets=20)  # more than 16: the permutation test is sampled too
    written = []
    for i, seed in enumerate((3, 3, 4)):
        path = tmp_path / f"{i}.parquet"
        records.write("pairwise", compare(frame, resamples=300, seed=seed)["pairwise"], path)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_a_pair_does_not_depend_on_the_other_variants(results):
    frame = results(FIVE)
    few = compare(frame[frame["variant"].isin(["vanilla", "odconv"])], resamples=200)
    many = compare(frame, resamples=200)
    columns = ["mean_diff", "mean_diff_ci_low", "mean_diff_ci_high", "p_wilcoxon", "p_permutation"]
    assert _pair(few, "odconv")[columns].to_list() == _pair(many, "odconv")[columns].to_list()


def test_lower_is_better_turns_effects_but_not_means(results):
    frame = results(FIVE)
    up, down = compare(frame, resamples=200), compare(frame, resamples=200, lower_is_better=True)
    pd.testing.assert_frame_equal(up["means"], down["means"])
    a, b = _pair(up, "odconv"), _pair(down, "odconv")
    assert (a["mean_diff"], a["wins"], a["losses"]) == (-b["mean_diff"], b["losses"], b["wins"])
    assert (a["verdict"], b["verdict"]) == ("superior", "inferior")
    best = down["ranks"].sort_values("mean_rank")["variant"]
    assert best.to_list() == up["ranks"].sort_values("mean_rank")["variant"].to_list()[::-1]


def test_each_task_is_its_own_family(results):
    frame = results({"vanilla": 0.0, "odconv": 0.05})
    both = pd.concat([frame, frame.assign(task="segmentation", metric="miou")])
    pairs = compare(both, resamples=200)["pairwise"]
    assert pairs["task"].to_list() == ["classification", "segmentation"]
    assert (pairs["p_holm"] == pairs["p_wilcoxon"]).all()


def test_missing_and_failed_runs_are_counted(results):
    frame = results({"vanilla": 0.0, "odconv": 0.05, "soft_local": 0.0})
    cell = frame["dataset"].eq("d0") & frame["variant"].eq("odconv")
    frame.loc[cell & frame["seed"].eq(0), "value"] = np.nan  # one failed seed: the mean of the others stands
    gone = frame["dataset"].eq("d1") & frame["variant"].eq("odconv")  # a cell never made
    frame.loc[frame["dataset"].eq("d2") & frame["variant"].eq("vanilla"), "value"] = np.nan  # a cell that failed
    result = compare(frame[~gone], resamples=200)
    means = result["means"].set_index(["variant", "dataset"])
    assert means.loc[("odconv", "d0"), ["n_seeds", "n_failed"]].to_list() == [2, 1]
    assert means.loc[("odconv", "d1"), ["n_seeds", "n_failed"]].to_list() == [0, 0]
    assert means.loc[("vanilla", "d2"), ["n_seeds", "n_failed"]].to_list() == [0, 3]
    assert means.loc[("odconv", "d0"), "mean"] == pytest.approx(frame[cell]["value"].mean())
    assert _pair(result, "odconv")[["n_datasets", "n_missing"]].to_list() == [8, 2]
    assert _pair(result, "soft_local")[["n_datasets", "n_missing"]].to_list() == [9, 1]
    assert "left out for a missing value: 2 of 10 datasets" in _pair(result, "odconv")["reason"]
    assert (result["ranks"]["n_datasets"] == 8).all()


def test_a_variant_without_any_value(results):
    frame = results({"vanilla": 0.0, "odconv": 0.05, "soft_local": 0.0})
    frame.loc[frame["variant"] == "soft_local", "value"] = np.nan
    result = compare(frame, resamples=200)
    dead, alive = _pair(result, "soft_local"), _pair(result, "odconv")
    assert (dead["n_datasets"], dead["verdict"], dead["significant"]) == (0, "inconclusive", False)
    assert dead["reason"] == "no dataset has a value of both variants."
    assert alive["p_holm"] == 2 * alive["p_wilcoxon"]  # the lost test still counts
    assert result["ranks"]["mean_rank"].isna().all()
    for name, table in result.items():
        records.to_table(name, table)


def test_two_to_seven_datasets_cannot_reject_and_say_so(results):
    for n in range(2, 8):
        pair = _pair(compare(results(FIVE, datasets=n, noise=1e-4), resamples=200), "odconv")
        assert pair["p_holm"] == pair["p_floor"] == min(1.0, 4 * 2 / 2**n)
        assert pair["verdict"] == "inconclusive"
        assert f"with {n} datasets" in pair["reason"]
        assert "at least 8 datasets are needed (family size 4)" in pair["reason"]
    pair = _pair(compare(results(FIVE, datasets=8, noise=1e-4), resamples=200), "odconv")
    assert pair["verdict"] == "superior"


def test_one_dataset_is_judged_by_its_seeds(results):
    two = {"vanilla": 0.0, "odconv": 0.05}
    few = compare(results(two, datasets=1), resamples=200)
    pair = _pair(few, "odconv")
    assert (pair["test"], pair["p_floor"], pair["verdict"]) == ("welch_and_permutation", 0.1, "inconclusive")
    assert pair["p"] == few["seeds"]["p_permutation"].iloc[0]
    assert pair["mean_diff_ci_low"] < pair["mean_diff"] < pair["mean_diff_ci_high"]
    assert "one dataset, 3 and 3 seeds: the least possible Holm-adjusted p is 0.1" in pair["reason"]
    assert "at least 4 seeds of each are needed" in pair["reason"]
    enough = _pair(compare(results(two, datasets=1, seeds=4), resamples=200), "odconv")
    assert (enough["p_holm"], enough["verdict"]) == (2 / 70, "superior")
    assert "on this one dataset, over 4 and 4 seeds" in enough["reason"]
    assert "nothing is said of other datasets" in enough["reason"]
    worse = _pair(compare(results(two, datasets=1, seeds=4), resamples=200, control="odconv"), "vanilla", "odconv")
    assert worse["verdict"] == "inferior"
    same = _pair(compare(results({"vanilla": 0.0, "b": 0.0}, datasets=1, seeds=9, noise=1e-3), resamples=200), "b")
    assert same["verdict"] == "equivalent"
    lone = _pair(compare(results(two, datasets=1, seeds=1), resamples=200), "odconv")
    assert np.isnan(lone["mean_diff_ci_low"])
    assert "a single run" in lone["reason"]


def test_one_seed(results):
    result = compare(results({"vanilla": 0.0, "odconv": 0.05}, datasets=10, seeds=1), resamples=200)
    assert result["means"]["sd"].isna().all()
    assert _pair(result, "odconv")["verdict"] == "superior"


def test_constant_values(results):
    result = compare(results({"vanilla": 0.0, "odconv": 0.0, "soft_local": 0.0}).assign(value=0.5), resamples=200)
    pair = _pair(result, "odconv")
    assert (pair["wins"], pair["ties"], pair["losses"], pair["mean_diff"]) == (0, 10, 0, 0)
    assert np.isnan(pair["p_wilcoxon"])
    assert pair["verdict"] == "equivalent"
    assert result["omnibus"]["p"].isna().all()
    assert (result["ranks"]["mean_rank"] == 2).all()


def test_verdicts(results):
    effects = {"vanilla": 0.0, "worse": -0.05, "same": 0.0, "tiny": 0.004}
    result = compare(results(effects, datasets=40, seeds=5, noise=0.002), rope=0.01, resamples=500)
    assert _pair(result, "worse")["verdict"] == "inferior"
    assert _pair(result, "same")["verdict"] == "equivalent"
    tiny = _pair(result, "tiny")
    assert tiny["verdict"] == "superior"
    assert "lies inside ±0.01" in tiny["reason"]  # significant, and too small to matter
    strict = compare(results(effects, datasets=40, seeds=5, noise=0.002), rope=0, resamples=500)
    assert _pair(strict, "same")["verdict"] == "inconclusive"


def test_equivalence_needs_as_many_datasets_as_a_rejection(results):
    for n, expected in ((5, "inconclusive"), (6, "equivalent")):
        frame = results({"vanilla": 0.0, "same": 0.0}, datasets=n, seeds=5).assign(value=0.5)
        assert _pair(compare(frame, resamples=200), "same")["verdict"] == expected


def test_direction_is_that_of_the_test_even_when_the_mean_disagrees():
    rows = [
        ("t", "m", f"d{d:02d}", variant, 0, 0.5 + shift)
        for d in range(20)
        for variant, shift in (("vanilla", 0.0), ("odconv", -0.4 if d == 0 else 0.01 + d * 1e-4))
    ]
    frame = pd.DataFrame(rows, columns=["task", "metric", "dataset", "variant", "seed", "value"])
    pair = _pair(compare(frame, resamples=200), "odconv")
    assert pair["mean_diff"] < 0 < pair["hodges_lehmann"]
    assert pair["verdict"] == "superior"
    assert "the mean difference has the other sign" in pair["reason"]


def test_lines_hold_the_primary_answers(results):
    frame = results(FIVE)
    frame.loc[frame["variant"] == "soft_local", "value"] = np.nan
    pairs = compare(frame, resamples=200)["pairwise"]
    lines = {line.variant: line for line in verdict.lines(pairs)}
    assert set(lines) == set(FIVE) - {"vanilla"}
    odconv, row = lines["odconv"], _pair({"pairwise": pairs}, "odconv")
    assert (odconv.control, odconv.diff, odconv.p_adjusted) == ("vanilla", row["mean_diff"], row["p_adjusted"])
    assert odconv.exploratory  # there is no study
    assert odconv.wins + odconv.ties + odconv.losses == odconv.n_datasets == 10
    assert lines["soft_local"].diff is lines["soft_local"].p_adjusted is None
    assert all(line.verdict in verdict.VERDICTS and line.reason.endswith(".") for line in lines.values())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("alpha", 0.0, "greater than 0, not 0.0"),
        ("alpha", 0.5, "less than 0.5, not 0.5"),
        ("rope", -0.1, "-0.1 cannot be used; valid: a number from 0"),
        ("rope", {"classification": float("nan")}, "nan cannot be used"),
        ("resamples", 10, "greater than or equal to 100, not 10"),
        ("seed", -1, "greater than or equal to 0, not -1"),
        ("adjustment", "bonferroni", "'holm', 'shaffer', .* not 'bonferroni'"),
        ("ropes", 1, "unknown key .did you mean 'rope'.*; valid: "),
    ],
)
def test_settings_that_cannot_be_used(results, name, value, says):
    with pytest.raises(DynconvError, match=f"{name}: .*{says}"):
        compare(results({"vanilla": 0.0, "odconv": 0.0}), **{name: value})


def test_equal_variants_are_called_different_no_more_often_than_alpha(results):
    """A/A: 300 tables without any effect; seeds pooled as if they were datasets would reject far more often."""
    rng = np.random.default_rng(2024)
    same, tables, plan = dict.fromkeys(("vanilla", "b", "c"), 0.0), 300, Analysis(resamples=100)
    wrong = 0
    for _ in range(tables):
        frame = results(same, datasets=9, seeds=3, rng=rng)
        # An interaction of variant and dataset without a mean effect: what makes pooling of seeds wrong.
        shift = {key: rng.normal(0, 0.03) for key in frame.groupby(["dataset", "variant"]).groups}
        frame["value"] += [shift[key] for key in zip(frame["dataset"], frame["variant"], strict=True)]
        (grid,) = grids(frame)
        pairs = Task(grid, plan, None, lower_is_better=False).comparisons({})["pairwise"]
        wrong += any(pair["significant"] for pair in pairs if pair["family"] == "primary")
    rate, error = wrong / tables, np.sqrt(0.05 * 0.95 / tables)
    assert 0 < rate < 0.05 + 3 * error


def test_a_large_table(results):
    frame = results(FIVE, datasets=128, seeds=10)
    pairs = compare(frame, resamples=1000)["pairwise"]
    assert len(pairs) == 10
    assert _pair({"pairwise": pairs}, "odconv")["verdict"] == "superior"


@pytest.mark.parametrize(("adjustment", "needed"), [("shaffer", 8), ("hommel", 6), ("bh", 6), ("romano_wolf", 6)])
def test_as_many_datasets_as_the_reason_asks_for_are_enough(results, adjustment, needed):
    few = _pair(compare(results(FIVE, datasets=5, noise=1e-6), resamples=200, adjustment=adjustment), "odconv")
    assert (few["verdict"], few["p_adjusted"]) == ("inconclusive", few["p_floor"])
    assert f"at least {needed} datasets are needed" in few["reason"]
    strong = {**FIVE, "hard_attention": 0.1, "soft_local": 0.2}
    for n, verdict_of in ((needed - 1, "inconclusive"), (needed, "superior")):
        pair = _pair(compare(results(strong, datasets=n, noise=1e-6), resamples=200, adjustment=adjustment), "odconv")
        assert pair["verdict"] == verdict_of, n


def test_the_control_is_second_however_the_plan_writes_a_pair(results):
    frame, pairs = results(FIVE), {"primary": [["vanilla", "odconv"], ["soft_global", "odconv"]]}
    result = compare(frame, resamples=200, families=pairs)
    primary = result["pairwise"][result["pairwise"]["family"] == "primary"]
    assert primary[["variant_a", "variant_b"]].to_numpy().tolist() == [["odconv", "vanilla"], ["soft_global", "odconv"]]
    assert set(result["crosstask"]["variant"]) == set(FIVE) - {"vanilla"}


def test_quality_of_a_loss_is_that_loss(results):
    frame = results({"vanilla": 0.0, "odconv": 0.05}, datasets=4)
    cell = frame[["task", "dataset", "variant"]].drop_duplicates()
    costs = cell.assign(cost="macs", value=1.0, hardware=None)
    rows = compare(frame, resamples=200, costs=costs, lower_is_better=True)["pareto"].set_index("variant")
    assert rows.loc["odconv", "quality"] == pytest.approx(frame[frame["variant"] == "odconv"]["value"].mean())
    assert (rows["quality_ci_low"] < rows["quality"]).all() and (rows["quality"] < rows["quality_ci_high"]).all()
    assert rows["on_front"].to_dict() == {"odconv": False, "vanilla": True}
