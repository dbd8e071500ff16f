"""What a study declared has its place in the tables, and what deviates from it is marked."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dynconv.analysis_plan import Analysis
from dynconv.stats import declaration
from dynconv.stats.compare import compare
from dynconv.stats.declaration import Declaration
from dynconv.stats.grid import grids, with_failures

PLAN = Analysis(resamples=200, posterior=False)
DECLARED = Declaration(
    study="mine",
    study_hash="s",
    plan=PLAN,
    variants=("odconv", "soft_local", "vanilla"),
    datasets={"classification": tuple(f"d{d}" for d in range(10))},
    seeds=(0, 1, 2),
)
EFFECTS = {"vanilla": 0.0, "odconv": 0.05, "soft_local": 0.0}


def pairwise(frame, declared=DECLARED, plan=PLAN):
    return compare(frame, plan, declaration=declared)["pairwise"].set_index(["variant_a", "variant_b"])


def test_what_the_plan_has_is_not_exploratory(results):
    rows = pairwise(results(EFFECTS))
    assert not rows["exploratory"].any()
    assert (rows["plan_hash"] == PLAN.plan_hash).all()


def test_without_a_study_everything_is_exploratory(results):
    rows = pairwise(results(EFFECTS), None)
    assert rows["exploratory"].all() and rows["plan_hash"].isna().all()


def test_a_variant_that_was_not_declared_is_apart_and_changes_nothing(results):
    rows = pairwise(results(EFFECTS))
    more = pairwise(results(EFFECTS | {"other": 0.01}))
    columns = ["family", "p_adjusted", "p_shaffer", "p_romano_wolf", "verdict", "exploratory", "mean_diff_ci_low"]
    pd.testing.assert_frame_equal(more.loc[rows.index, columns], rows[columns])
    undeclared = more[[("other" in pair) for pair in more.index]]
    assert set(undeclared["family"]) == {"exploratory"} and undeclared["exploratory"].all() and len(undeclared) == 3


def test_a_deviation_makes_everything_exploratory(results):
    changed = DECLARED.changed({"control": "odconv", "alpha": 0.05})
    assert changed.deviations == ("control is 'odconv' instead of 'vanilla'",)
    rows = pairwise(results(EFFECTS), changed, PLAN.model_copy(update={"control": "odconv"}))
    assert rows["exploratory"].all() and (rows["plan_hash"] == PLAN.plan_hash).all()


def test_leaving_the_bayesian_part_out_changes_no_test(results):
    declared = replace(DECLARED, plan=Analysis(resamples=200)).changed({"posterior": False})
    assert (declared.deviations, declared.notes) == ((), ("the Bayesian part is left out",))
    assert not pairwise(results(EFFECTS), declared)["exploratory"].any()


def test_runs_tell_under_which_plan_they_were_made(results):
    frame = results(EFFECTS)
    frame.attrs["made_under"] = {"plan_hash": {PLAN.plan_hash: 30}, "study_hash": {"s": 30}}
    assert DECLARED.against(frame) == DECLARED
    frame.attrs["made_under"] = {"plan_hash": {PLAN.plan_hash: 20, "other": 6, "": 4}, "study_hash": {"s": 20, "t": 10}}
    found = DECLARED.against(frame)
    assert found.deviations == (
        "6 of 30 runs were made under another analysis plan: it was changed after they were made",
    )
    assert found.notes == (
        "4 of 30 runs do not say under which analysis plan they were made",
        "10 of 30 runs were made under another form of the study",
    )


def test_datasets_and_seeds_that_were_not_declared_are_a_deviation(results):
    frame = results(EFFECTS, datasets=12, seeds=4)
    found = DECLARED.against(frame)
    assert found.deviations == (
        "task classification: 2 datasets are not in the study: d10, d11",
        "task classification: 1 seeds are not in the study: 3",
    )
    assert pairwise(frame, found)["exploratory"].all()
    assert found.notes == ("the table does not say under which analysis plan its values were made",)


def test_what_was_declared_and_never_run_is_counted(results):
    more = replace(
        DECLARED,
        variants=(*DECLARED.variants, "soft_global"),
        datasets={"classification": tuple(f"d{d}" for d in range(12))},
        seeds=(0, 1, 2, 3),
    )
    tables = compare(results(EFFECTS), PLAN, declaration=more)
    rows = tables["pairwise"].set_index(["variant_a", "variant_b"])
    assert rows.loc[("odconv", "vanilla"), ["n_datasets", "n_missing"]].to_list() == [10, 2]
    never = rows.loc[("soft_global", "vanilla")]
    assert (never["n_datasets"], never["verdict"], never["family"]) == (0, "inconclusive", "primary")
    assert (
        rows.loc[("odconv", "vanilla"), "p_holm"] == 3 * rows.loc[("odconv", "vanilla"), "p"]
    )  # its test still counts
    means = tables["means"].set_index(["variant", "dataset"])
    assert means.loc[("odconv", "d0"), ["n_seeds", "n_failed", "coverage"]].to_list() == [3, 0, 0.75]
    assert means.loc[("soft_global", "d11"), ["n_seeds", "coverage"]].to_list() == [0, 0.0]


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_what_a_failed_run_counts_as(results, lower_is_better):
    frame = results(EFFECTS, datasets=3)
    lost = frame["dataset"].eq("d1") & frame["variant"].eq("odconv") & frame["seed"].eq(2)
    frame.loc[lost, "value"] = np.nan
    (grid,) = grids(frame)
    of = {rule: with_failures(grid, rule, lower_is_better=lower_is_better).values for rule in ("omit", "worst")}
    v = grid.variants.index("odconv")
    assert np.isnan(of["omit"][v, 1, 2])
    own = frame[frame["dataset"] == "d1"]["value"]
    assert of["worst"][v, 1, 2] == (own.max() if lower_is_better else own.min())
    assert np.array_equal(np.delete(of["worst"], 1, axis=1), np.delete(of["omit"], 1, axis=1))
    dropped = with_failures(grid, "drop_dataset", lower_is_better=lower_is_better).values
    assert np.isnan(dropped[:, 1]).all() and not np.isnan(dropped[:, [0, 2]]).any()


def test_a_run_that_was_never_made_is_not_a_failed_one(results):
    frame = results(EFFECTS, datasets=3)
    gone = frame["dataset"].eq("d1") & frame["variant"].eq("odconv")
    (grid,) = grids(frame[~gone])
    for rule in ("worst", "drop_dataset"):
        assert np.array_equal(with_failures(grid, rule, lower_is_better=False).values, grid.values, equal_nan=True)


def test_the_plan_file_says_what_was_followed(tmp_path):
    declaration.write(tmp_path, PLAN, DECLARED, ["other"])
    said = json.loads((tmp_path / "plan.json").read_text())
    assert said["followed"] and said["undeclared_variants"] == ["other"]
    assert said["declared"]["plan_hash"] == said["analysis_hash"] == PLAN.plan_hash
    declaration.write(tmp_path, PLAN, None, [])
    said = json.loads((tmp_path / "plan.json").read_text())
    assert not said["followed"] and said["declared"] is None and "no study" in said["deviations"][0]
