"""Choosing: the best trial, the recipe as it stands where none is better, and what the runs and the tables get."""

import json
import math
import os
import subprocess
import sys

import pytest

from dynconv import choice, records, study, trials
from dynconv.cli import main
from dynconv.collect import collect
from dynconv.errors import DynconvError
from dynconv.plan import plan

STUDY = {
    "name": "tiny",
    "variants": ["vanilla", {"name": "slow", "base": "vanilla", "rule": True}, "odconv"],
    "datasets": ["digits", "ucr/GunPoint"],
    "seeds": 1,
    "tune": {"search": "grid", "keys": {"lr": [0.01, 0.02]}, "datasets": ["digits"]},
    "on_failure": "record",
}
FOUND = study.parse(STUDY, "s.yaml")
CELL = ("digits", "classification", "vanilla")


def row(number, value, **changes):
    """A trial's row; a value of None is a failure."""
    key = trials.TrialKey("digits", "vanilla", number)
    settings = trials.settings(FOUND, "digits", "classification")[number]
    made = {"trial_id": key.trial_id, "task": "classification", **key._asdict(), "status": "ok", "accuracy": value}
    made |= {"settings": json.dumps(settings), "n_validation": 50, "train_s": 2.5, "energy_j": 3.0, "failure": None}
    made["trial_hash"] = trials.trial_hash(FOUND, "classification", key)
    return made | ({"status": "failed", "failure": "NaN"} if value is None else {}) | changes


def write(folder, *values, variant="vanilla"):
    for number, value in enumerate(values):
        made = row(number, value)
        if variant != "vanilla":
            key = trials.TrialKey("digits", variant, number)
            made |= {"trial_id": key.trial_id, "variant": variant}
            made["trial_hash"] = trials.trial_hash(FOUND, "classification", key)
        records.write("trials", [made], folder / f"trial{number}/trial.parquet")


@pytest.mark.parametrize(
    ("values", "trial", "value", "reason"),
    [
        ((0.5, 0.6, 0.7), 2, 0.7, "highest accuracy of 3 trials"),
        ((0.7, 0.7, 0.6), 0, 0.7, "highest accuracy of 3 trials, the first of 2 equal ones"),
        ((0.1, 0.7, 0.7), 1, 0.7, "highest accuracy of 3 trials, the first of 2 equal ones"),
        ((None, 0.2, 0.1), 1, 0.2, "highest accuracy of 2 trials; 1 failed"),
        ((math.nan, 0.2, math.inf), 1, 0.2, "highest accuracy of 1 trials; 2 failed"),
        ((None, None, None), 0, None, "the recipe as it stands: every trial has failed, the first: NaN"),
    ],
)
def test_the_best_trial_is_chosen_and_of_equal_ones_the_first(values, trial, value, reason):
    rows = [row(number, value) for number, value in enumerate(values)]
    chosen = choice.pick(rows, "accuracy")
    assert (chosen["trial"], chosen["value"], chosen["reason"]) == (trial, value, reason)
    assert json.loads(chosen["settings"]) == trials.settings(FOUND, "digits", "classification")[trial]
    untuned = values[0] if values[0] is not None and math.isfinite(values[0]) else None
    failed = sum(v is None or not math.isfinite(v) for v in values)
    assert (chosen["untuned_value"], chosen["n_trials"], chosen["n_failed"]) == (untuned, 3, failed)
    assert (chosen["train_s"], chosen["energy_j"], chosen["n_validation"]) == (7.5, 9.0, 50)
    assert value is None or untuned is None or chosen["value"] >= untuned  # never worse than without a search
    records.to_table("choices", [chosen])


def test_energy_that_one_trial_does_not_know_is_not_known():
    assert choice.pick([row(0, 0.5), row(1, 0.6, energy_j=None), row(2, 0.1)], "accuracy")["energy_j"] is None


def test_trials_that_are_missing_foreign_or_of_another_recipe_choose_nothing(tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(json.dumps(STUDY))
    folder, out = tmp_path / "t", tmp_path / "choice.json"
    words = [
        "choose",
        "--study",
        tmp_path / "s.yaml",
        "--dataset",
        "digits",
        "--variant",
        "vanilla",
        "--trials",
        folder,
    ]
    words = [str(word) for word in [*words, "--out", out]]

    def refused(text):
        assert main(words) == 2 and text in capsys.readouterr().err and not out.exists()

    write(folder, 0.5, 0.6)
    refused("trial2/trial.parquet: no such file")
    write(folder, 0.5, 0.6, 0.7)
    records.write("trials", [row(0, 0.9)], folder / "trial2/trial.parquet")
    refused("trial2/trial.parquet: holds digits/vanilla/trial0; valid in this folder: digits/vanilla/trial2")
    records.write("trials", [row(2, 0.9, trial_hash="other")], folder / "trial2/trial.parquet")
    refused("was trained by another recipe or on another cut")
    write(folder, 0.5, 0.6, 0.7)
    assert main(words) == 0
    said = 'digits/vanilla: trial 2  {"lr": 0.02}  (highest accuracy of 3 trials)\n'
    assert capsys.readouterr().out == said
    assert json.loads(out.read_text()) == {"dataset": "digits", "variant": "vanilla", "settings": {"lr": 0.02}}


def test_a_choice_is_for_its_dataset_and_variant_and_for_what_builds_on_it(tmp_path):
    file = tmp_path / "choice.json"
    choice.write(file, choice.pick([row(0, 0.1), row(1, 0.5)], "accuracy"))
    assert choice.read(file, FOUND, "digits", "vanilla") == choice.read(file, FOUND, "digits", "slow") == {"lr": 0.01}
    for cell in (("digits", "odconv"), ("ucr/GunPoint", "vanilla")):
        with pytest.raises(DynconvError, match=r"choice\.json: is for digits vanilla; valid: "):
            choice.read(file, FOUND, *cell)
    for text in ("", "[]", "{}", '{"dataset": "digits", "variant": "vanilla", "settings": 3}'):
        file.write_text(text)
        with pytest.raises(DynconvError, match=r"choice\.json: not a choice: "):
            choice.read(file, FOUND, "digits", "vanilla")
    with pytest.raises(DynconvError, match=r"no\.json: no such file"):
        choice.read(tmp_path / "no.json", FOUND, "digits", "vanilla")


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """A results folder with the study's search, two variants on digits, and one run."""
    monkeypatch.chdir(tmp_path)
    for variant, values in (("vanilla", (0.5, 0.6, 0.7)), ("odconv", (0.5, None, 0.4))):
        folder = tmp_path / "results/tuning/digits" / variant
        write(folder, *values, variant=variant)
        rows = choice.rows_of(FOUND, "digits", "classification", variant, folder)
        choice.write(folder / "choice.json", choice.pick(rows, "accuracy"))
    keys = {"run_id": "digits/vanilla/seed0", "dataset": "digits", "variant": "vanilla", "seed": 0}
    folder = tmp_path / "results/runs/digits/vanilla/seed0"
    more = {"task": "classification", "status": "ok", "accuracy": 0.9, "train_s": 60.0}
    more["run_hash"] = FOUND.run_hash(*CELL, {"lr": 0.02})
    records.write("metrics", [], folder / "metrics.parquet")
    records.write("predictions", [], folder / "predictions.parquet")
    records.write("runs", [keys | more], folder / "run.parquet")
    return tmp_path / "results"


def test_trials_and_choices_are_tables(searched):
    counts = collect(searched / "runs", searched / "tables", study=FOUND, tuning=searched / "tuning")
    assert (counts["trials"], counts["choices"], counts["runs"]) == (6, 2, 1)
    table = records.read("trials", searched / "tables/trials.parquet").to_pylist()
    assert [row["trial_id"] for row in table] == [
        f"digits/{v}/trial{k}" for v in ("vanilla", "odconv") for k in range(3)
    ]
    chosen = records.read("choices", searched / "tables/choices.parquet").to_pylist()
    assert [(row["variant"], row["trial"], row["n_failed"]) for row in chosen] == [("vanilla", 2, 0), ("odconv", 0, 1)]


def test_a_choice_that_is_not_the_trials_is_found(searched):
    file = searched / "tuning/digits/vanilla/choice.json"
    file.write_text(file.read_text().replace("0.02", "0.03"))
    with pytest.raises(
        DynconvError, match=r'choice\.json: says \{"lr": 0\.03\}, but the trials choose \{"lr": 0\.02\}'
    ):
        collect(searched / "runs", searched / "tables", study=FOUND, tuning=searched / "tuning")
    assert not (searched / "tables").exists() or not list((searched / "tables").iterdir())
    with pytest.raises(DynconvError, match="valid: a --study with tune"):
        collect(searched / "runs", searched / "tables", tuning=searched / "tuning")


def test_the_plan_counts_trials_and_knows_a_tuned_run(searched):
    text = plan(FOUND)
    assert "3 variants x 2 datasets x 1 seeds = 6 runs, 1 of them done" in text and "their recipe" not in text
    # 3 trials of 2 variants with 0.8 of the examples, beside 4 runs, of the same length
    assert "search (grid over lr): 6 trials, 6 done, 0 to do; 1.2 times the training of the runs" in text
    assert "files: at most 30 of runs, 4 of profiles, 26 of logs, 8 of the search" in text
    records.write("trials", [row(2, 0.9, trial_hash="other")], searched / "tuning/digits/vanilla/trial2/trial.parquet")
    assert "6 trials, 5 done, 1 to do" in plan(FOUND)
    (searched / "tuning/digits/vanilla/choice.json").unlink()
    assert "0 of them done" in plan(FOUND)


def test_trials_are_not_mistaken_for_runs(searched, capsys):
    assert main(["list", "runs", "--results", str(searched)]) == 0
    assert "1 of 1 runs ok" in capsys.readouterr().out


def test_a_lost_trial_is_a_failed_row_and_a_lost_tuned_run_has_its_own_digest(searched, tmp_path):
    (tmp_path / "s.yaml").write_text(json.dumps(STUDY))
    cell = searched / "tuning/digits/vanilla"

    def fail(out, *words):
        env = os.environ | {"SNAKEMAKE_SUBMITIT_CAUSE": "OUT_OF_MEMORY", "SNAKEMAKE_SUBMITIT_ATTEMPT": "2"}
        base = [
            "fail",
            "--study",
            "s.yaml",
            "--dataset",
            "digits",
            "--variant",
            "vanilla",
            "--failures",
            "f",
            "--out",
            out,
        ]
        command = [sys.executable, "-m", "dynconv.cli", *map(str, [*base, *words])]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)

    done = fail(cell / "trial1", "--trial", 1)
    assert (done.returncode, done.stdout) == (0, "digits/vanilla/trial1: failed  OUT_OF_MEMORY\n"), done.stderr
    assert json.loads((tmp_path / "f/digits/vanilla/trial1.json").read_text())["failure"] == "OUT_OF_MEMORY"
    rows = choice.rows_of(FOUND, *CELL, cell)
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"] and rows[1]["attempt"] == 2
    assert choice.pick(rows, "accuracy")["n_failed"] == 1
    run = tmp_path / "run"
    assert fail(run, "--seed", 0, "--choice", cell / "choice.json").returncode == 0
    kept = records.read("runs", run / "run.parquet").to_pylist()[0]
    assert kept["run_hash"] == FOUND.run_hash(*CELL, {"lr": 0.02}) and kept["status"] == "failed"
