"""A study that tunes, through Snakemake: trials, choices, runs that follow them, and what a change redoes."""

import json

import pytest
import yaml
from checkout import copy_project
from test_pipeline import blocks, planned, trainings

from dynconv import records

pytestmark = pytest.mark.e2e

STUDY = {
    "name": "tuned",
    "variants": ["vanilla", "odconv", {"name": "odconv_slow", "base": "odconv", "rule": True}],
    "datasets": ["ucr/ItalyPowerDemand", {"name": "ucr/GunPoint", "recipe": {"lr": 0.005}}],
    "seeds": 1,
    # As it stands, the recipe diverges: only a search that reaches the runs gives them an accuracy.
    "recipes": {"timeseries": {"width": 0.125, "epochs": 2, "batch_size": 16, "lr": 1e30, "schedule": "constant"}},
    "tune": {
        "search": "grid",
        "keys": {"lr": [0.01, 0.02]},
        "recipe": {"epochs": 1},
        "datasets": ["ucr/Italy*"],
    },
    "on_failure": "record",
}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("tuning") / "a folder with spaces")
    project.write("workflow/rules/variants/odconv_slow.smk", blocks("add_a_variant.md", "snakemake")[1])
    write_study(project, "tuned")
    project.first = project.snakemake("--configfile", "config/tuned.yaml", "--printshellcmds")
    return project


def write_study(project, file, **changes):
    return project.write(f"config/{file}.yaml", yaml.safe_dump(STUDY | changes)).relative_to(project.root)


def table(project, name):
    return records.read(name, project.root / f"results/tables/{name}.parquet").to_pylist()


def test_every_variant_had_the_same_search_and_every_trial_is_a_row(tuned):
    rows = table(tuned, "trials")
    settings = [{}, {"lr": 0.01}, {"lr": 0.02}]
    expected = [("ucr/ItalyPowerDemand", variant, trial) for variant in ("vanilla", "odconv") for trial in range(3)]
    assert [(row["dataset"], row["variant"], row["trial"]) for row in rows] == expected
    assert [json.loads(row["settings"]) for row in rows] == settings * 2
    assert [row["status"] for row in rows] == ["failed", "ok", "ok"] * 2
    assert {(row["n_train"], row["n_validation"], row["epochs"], row["seed"]) for row in rows if row["accuracy"]} == {
        (54, 13, 1, rows[0]["seed"])
    }
    assert "tune      ucr/ItalyPowerDemand · odconv · trial 2" in tuned.first.stderr


def test_the_runs_were_trained_with_what_was_chosen(tuned):
    chosen = {(row["dataset"], row["variant"]): row for row in table(tuned, "choices")}
    assert {variant for _, variant in chosen} == {"vanilla", "odconv"} and len(chosen) == 2
    lrs = {row["run_id"]: row["value"] for row in table(tuned, "metrics") if row["metric"] == "lr"}
    for variant, base in (("vanilla", "vanilla"), ("odconv", "odconv"), ("odconv_slow", "odconv")):
        own = json.loads(chosen["ucr/ItalyPowerDemand", base]["settings"])
        assert own["lr"] in (0.01, 0.02) and lrs[f"ucr/ItalyPowerDemand/{variant}/seed0"] == own["lr"]
        assert lrs[f"ucr/GunPoint/{variant}/seed0"] == 0.005  # not searched: the recipe as it stands
    runs = table(tuned, "runs")
    assert len(runs) == 6 and {row["status"] for row in runs} == {"ok"} and {row["epochs"] for row in runs} == {2}
    for row in chosen.values():
        assert row["n_failed"] == 1 and row["untuned_value"] is None and row["train_s"] > 0


def test_the_report_and_the_plan_tell_of_the_search(tuned):
    html = (tuned.root / "results/report.html").read_text()
    assert "(grid over lr)" in html and "lr = 0.0" in html and "1 failed" in html
    text = tuned.dynconv("plan", "--study", "config/tuned.yaml").stdout
    assert "= 6 runs, 6 of them done" in text and "6 trials, 6 done, 0 to do" in text


def test_a_second_run_has_nothing_to_do(tuned):
    assert planned(tuned, "config/tuned.yaml") == {}
    file = tuned.root / "results/tuning/ucr/ItalyPowerDemand/odconv/choice.json"
    file.write_bytes(file.read_bytes())  # chosen again, the same
    assert trainings(planned(tuned, "config/tuned.yaml")) == {}


def test_a_lost_trial_is_made_again_alone(tuned):
    file = tuned.root / "results/tuning/ucr/ItalyPowerDemand/odconv/trial1/trial.parquet"
    kept = file.read_bytes()
    file.unlink()
    try:
        jobs = planned(tuned, "config/tuned.yaml")
    finally:
        file.write_bytes(kept)
        tuned.snakemake("--configfile", "config/tuned.yaml", "--touch")
    assert {rule: count for rule, count in jobs.items() if rule.startswith("tune_")} == {"tune_odconv": 1}
    assert jobs["choose"] == 1 and trainings(jobs) == {"train_odconv": 1, "train_odconv_slow": 1}


def test_a_longer_search_makes_the_new_trials_only(tuned):
    longer = write_study(tuned, "longer", tune=STUDY["tune"] | {"keys": {"lr": [0.01, 0.02, 0.03]}})
    jobs = planned(tuned, longer, "--until", "choose")
    assert {rule: count for rule, count in jobs.items() if rule != "choose"} == {"tune_vanilla": 1, "tune_odconv": 1}


def test_without_a_search_there_is_no_step_of_it(tuned):
    jobs = planned(tuned, write_study(tuned, "plain", tune=None, results="plain"))
    assert not [rule for rule in jobs if rule.startswith("tune_") or rule == "choose"] and jobs["collect"] == 1
