"""`dynconv compare` and `dynconv power`, as they are typed."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from dynconv import data, records
from dynconv.cli import main
from dynconv.comparison_tables import COMPARISONS
from dynconv.errors import DynconvError
from dynconv.stats.compare import compare as compare_tables
from dynconv.stats.table import load as load_table
from dynconv.study import load

STUDY = {
    "name": "mine",
    "variants": ["vanilla", "odconv", "soft_local"],
    "datasets": ["digits", "ucr/GunPoint", "ucr/ArrowHead", "ucr/ItalyPowerDemand"],
    "seeds": [0, 1, 2, 3, 4],
    "analysis": {"resamples": 200, "posterior": False, "rope": {"classification": 0.02, "timeseries": 0.01}},
}
EFFECT = {"vanilla": 0.0, "odconv": 0.05, "soft_local": -0.01, "other": 0.02}


@pytest.fixture
def study(tmp_path):
    def write(**changes):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY | changes))
        return load(tmp_path / "study.yaml")

    return write


@pytest.fixture
def runs(tmp_path):
    """runs(study, ...) -> a runs table of the study, and of `more` variants, made under its plan."""

    def write(study, more=(), **columns):
        rng = np.random.default_rng(0)
        rows = []
        for variant in (*(v.name for v in study.variants), *more):
            for dataset in study.datasets:
                for seed in study.seeds:
                    row = {"run_id": f"{dataset.name}/{variant}/seed{seed}", "task": data.spec(dataset.name).task}
                    row |= {"dataset": dataset.name, "variant": variant, "seed": seed, "status": "ok"}
                    row |= {"accuracy": 0.8 + EFFECT[variant] + 0.005 * rng.standard_normal()}
                    row |= {"macs": 1000 + len(variant), "train_s": 1 + rng.random(), "device": "cpu", "world_size": 1}
                    row |= {"plan_hash": study.analysis.plan_hash, "study_hash": study.study_hash}
                    rows.append(row | columns)
        records.write("runs", rows, tmp_path / "runs.parquet")
        return tmp_path / "runs.parquet"

    return write


def compare(tmp_path, *words):
    assert main(["compare", *map(str, words), "--out", str(tmp_path / "stats")]) == 0
    tables = {t.name: records.read(t.name, tmp_path / f"stats/{t.name}.parquet").to_pandas() for t in COMPARISONS}
    return tables, json.loads((tmp_path / "stats/plan.json").read_text())


def test_the_plan_of_the_study_is_followed(tmp_path, study, runs, capsys):
    made = study()
    tables, plan = compare(tmp_path, runs(made), "--study", tmp_path / "study.yaml")
    pairs = tables["pairwise"].set_index(["task", "variant_a", "variant_b"])
    assert plan["followed"] and not pairs["exploratory"].any()
    assert (pairs["plan_hash"] == made.analysis.plan_hash).all()
    one = pairs.loc[("classification", "odconv", "vanilla")]
    assert (one["test"], one["verdict"], one["p_holm"]) == ("welch_and_permutation", "superior", 2 * 2 / 252)
    assert pairs.loc[("timeseries", "odconv", "vanilla"), "verdict"] == "inconclusive"
    across = tables["crosstask"].set_index(["variant", "task"])
    assert across.loc[("odconv", "all"), "verdict"] == "inconclusive"  # three series sets cannot show it
    assert set(tables["robustness"]["kind"]) == {"dataset", "group"}
    assert {"Motion", "Image", "Sensor"} >= set(tables["robustness"].query("kind == 'group'")["left_out"])
    assert set(tables["pareto"]["cost"]) >= {"macs", "train_s"}
    assert "exploratory" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--control", "odconv"], "control is 'odconv' instead of 'vanilla'"),
        (["--alpha", "0.1"], "alpha is 0.1 instead of 0.05"),
        (["--adjustment", "bh"], "adjustment is 'bh' instead of 'holm'"),
    ],
)
def test_what_an_option_changes_is_exploratory(tmp_path, study, runs, capsys, words, says):
    tables, plan = compare(tmp_path, runs(study()), "--study", tmp_path / "study.yaml", *words)
    assert tables["pairwise"]["exploratory"].all() and not plan["followed"]
    assert plan["deviations"] == [says] and says in capsys.readouterr().out


def test_a_plan_that_was_changed_after_the_runs_is_exploratory(tmp_path, study, runs):
    table = runs(study())
    study(analysis=STUDY["analysis"] | {"alpha": 0.1})
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    assert tables["pairwise"]["exploratory"].all() and tables["crosstask"]["exploratory"].all()
    assert "60 of 60 runs were made under another analysis plan" in plan["deviations"][0]


def test_a_seed_that_was_added_is_a_note(tmp_path, study, runs):
    table = runs(study())
    study(seeds=[0, 1, 2, 3, 4, 5])
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    assert plan["followed"] and "60 of 60 runs were made under another form of the study" in plan["notes"]
    assert set(tables["means"]["coverage"]) == {5 / 6}


def test_a_variant_of_the_table_alone_is_exploratory(tmp_path, study, runs):
    table = runs(study(), more=["other"])
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    pairs = tables["pairwise"]
    other = (pairs["variant_a"] == "other") | (pairs["variant_b"] == "other")
    assert plan["undeclared_variants"] == ["other"]
    assert pairs["exploratory"].equals(other) and set(pairs[other]["family"]) == {"exploratory"}


def test_runs_of_before_the_plan_had_a_digest_are_a_note(tmp_path, study, runs):
    tables, plan = compare(tmp_path, runs(study(), plan_hash=None), "--study", tmp_path / "study.yaml")
    assert not tables["pairwise"]["exploratory"].any()
    assert plan["notes"] == ["60 of 60 runs do not say under which analysis plan they were made"]


def only(file, query):
    """The runs of the table that `query` selects, in a file of their own."""
    frame = records.read("runs", file).to_pandas().query(query)
    records.write("runs", frame, file.with_name("some.parquet"))
    return file.with_name("some.parquet")


ONE_TASK = "task 'timeseries' has 'vanilla' only; valid: two or more variants"


def test_a_task_with_one_variant_is_described_and_said_and_the_others_are_compared(tmp_path, study, runs, capsys):
    table = only(runs(study()), "task == 'classification' or variant == 'vanilla'")
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    assert set(tables["pairwise"]["task"]) == {"classification"} == set(tables["pareto"]["task"])
    means = tables["means"].query("task == 'timeseries' and variant == 'vanilla'")
    assert len(means) == 3 and means["n_seeds"].eq(5).all() and means["mean"].between(0.7, 0.9).all()
    note = f"not compared: {ONE_TASK}; its means are given"
    assert plan["followed"] and plan["notes"] == [note] and f"note: {note}" in capsys.readouterr().out
    # Better on every task is a claim about the tasks that wait, too.
    across = tables["crosstask"].set_index(["variant", "task"])
    assert across.loc[("odconv", "classification"), "verdict"] == "superior"
    assert across.loc[("odconv", "timeseries"), "reason"] == "the task could not be compared."
    assert across.loc[("odconv", "all"), "reason"].startswith("ahead on 1 of 2 tasks, not on every one")


def test_a_task_without_any_run_is_said(tmp_path, study, runs, capsys):
    table = only(runs(study()), "task == 'classification'")
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    assert plan["notes"] == ["not compared: task 'timeseries' has no run in the table yet"]
    across = tables["crosstask"].set_index(["variant", "task"])
    assert across.loc[("odconv", "all"), "verdict"] == "inconclusive"
    assert plan["notes"][0] in capsys.readouterr().out


def test_a_declared_control_without_runs_has_its_place(tmp_path, study, runs):
    table = only(runs(study()), "task == 'classification' or variant != 'vanilla'")
    tables, plan = compare(tmp_path, table, "--study", tmp_path / "study.yaml")
    pairs = tables["pairwise"].set_index(["task", "variant_a", "variant_b"])
    assert pairs.loc[("timeseries", "odconv", "vanilla"), "reason"] == "no dataset has a value of both variants."
    assert pairs.loc[("timeseries", "odconv", "soft_local"), "n_datasets"] == 3
    assert plan["notes"] == []


def test_anyones_task_without_the_control_is_described(tmp_path, study, runs, capsys):
    table = only(runs(study()), "task == 'classification' or variant != 'vanilla'")
    tables, plan = compare(tmp_path, table)
    said = "not compared: control 'vanilla' is not in task 'timeseries'; valid: odconv, soft_local; its means are given"
    assert plan["notes"] == [said] and f"note: {said}" in capsys.readouterr().out
    assert set(tables["pairwise"]["task"]) == {"classification"}
    assert set(tables["ranks"]["task"]) == set(tables["means"]["task"]) == {"classification", "timeseries"}
    assert main(["power", str(table), "--effect", "0.05"]) == 0
    assert "timeseries" not in capsys.readouterr().out


def test_where_nothing_can_be_compared_that_is_the_error(tmp_path, study, runs, capsys):
    table = only(runs(study()), "variant == 'vanilla'")
    for words in ([], ["--study", str(tmp_path / "study.yaml")]):
        assert main(["compare", str(table), "--out", str(tmp_path / "stats"), *words]) == 2
        said = "task 'classification' has 'vanilla' only; valid: two or more variants (--control NAME, or the study's"
        assert said in capsys.readouterr().err and not (tmp_path / "stats").exists()
    frame = load_table(table)
    found = compare_tables(frame, partial=True)
    assert found["pairwise"].empty and found["crosstask"].empty and len(found["means"]) == 4
    with pytest.raises(DynconvError, match="'vanilla' only"):
        compare_tables(frame)


def test_power_of_a_pilot(tmp_path, capsys):
    rng = np.random.default_rng(1)
    rows = [
        (f"d{d}", variant, seed, 0.8 + 0.01 * d + 0.01 * rng.standard_normal())
        for d in range(10)
        for variant in ("old", "new")
        for seed in range(3)
    ]
    pd.DataFrame(rows, columns=["dataset", "variant", "seed", "value"]).to_csv(tmp_path / "pilot.csv", index=False)
    words = ["power", str(tmp_path / "pilot.csv"), "--control", "old", "--effect", "0.01", "--effect", "0.02"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.count("new - old") >= 2 and "detectable" in text and "0.02" in text
    assert main([*words, "--power", "2"]) == 2
    assert "power: " in capsys.readouterr().err
