"""The plan: jobs, hours and bytes are those of the profile and of past runs, or are said to have no basis."""

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkout import ROOT

from dynconv import plan_hours, plan_jobs, plan_profile, records, run_rows
from dynconv.clean.predictions import bytes_of_an_empty_table
from dynconv.cli import main
from dynconv.errors import DynconvError
from dynconv.plan import plan
from dynconv.plan_state import state
from dynconv.quantities import size
from dynconv.study import parse

MAPPING = """
executor: submitit
submitit-array-size: 100
default-resources: {runtime: 30, mem_mb: "4000"}
set-resources:
  train_vanilla: {runtime: 2h, pack: 8, pack_concurrency: "4", gpus_per_node: 1, cpus_per_task: 4}
  train_odconv: {runtime: 2h, pack: 8, pack_concurrency: "4", gpus_per_node: 1, cpus_per_task: 4}
"""
STUDY = {"name": "s", "variants": ["vanilla", "odconv"], "datasets": ["digits", "ucr/GunPoint"], "seeds": 3}
CPU, GPU = "Some Processor (CPU)", "NVIDIA H100"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def profile(folder, text):
    (folder / "profile").mkdir(exist_ok=True)
    (folder / "profile/config.yaml").write_text(text)
    return plan_profile.read(folder / "profile")


def add_run(study, key, **values):
    """One past run of the present recipe, with all its files."""
    task = "classification" if key.dataset == "digits" else "timeseries"
    now = datetime.datetime.now(datetime.UTC)
    row = {"run_id": key.run_id, **key._asdict(), "task": task, "status": "ok", "world_size": 1, "device": CPU}
    row |= {"run_hash": study.run_hash(key.dataset, task, key.variant), "train_s": 60.0, "started_at": now} | values
    file = Path(study.results, "runs", key.run_id, "run.parquet")
    records.write("runs", [row], file)
    for name in ("metrics", "predictions"):
        (file.parent / f"{name}.parquet").write_bytes(b"x" * 1000)
    return row


def keys(study, dataset, variant):
    return [key for key in study.runs() if (key.dataset, key.variant) == (dataset, variant)]


def block(text, start):
    """The lines from the one that starts with `start` to the next empty one."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    return "\n".join(lines[first : lines.index("", first) if "" in lines[first:] else None])


@pytest.mark.parametrize(
    ("items", "jobs", "arrays", "minutes", "gpu_hours"),
    [
        (1, 1, 1, 120, 2),  # alone: one round
        (8, 1, 1, 240, 4),  # two rounds of four
        (11, 2, 1, 240, 6),  # the pack of three is one round
        (800, 100, 1, 240, 400),
        (801, 101, 2, 240, 402),
    ],
)
def test_jobs_arrays_and_limits_of_packs(folder, items, jobs, arrays, minutes, gpu_hours):
    (group,) = plan_jobs.groups(profile(folder, MAPPING), [("train_vanilla", items)])
    assert (group.jobs, group.arrays, group.limit_minutes, group.most_hours) == (jobs, arrays, minutes, gpu_hours)


def test_rules_that_ask_for_the_same_share_packs_and_arrays(folder):
    read = profile(folder, MAPPING)
    both, other = plan_jobs.groups(read, [("train_vanilla", 3), ("train_odconv", 3), ("train_hard_attention", 3)])
    assert (both.rules, both.jobs) == (("train_vanilla", "train_odconv"), 1)
    assert (other.jobs, other.gpu, other.most_hours) == (3, False, 1.5)


def test_the_page_with_a_cluster(folder, capsys):
    profile(folder, MAPPING)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    assert main(["plan", "--study", "study.yaml", "--profile", "profile"]) == 0
    text = capsys.readouterr().out
    assert "2 variants x 2 datasets x 3 seeds = 12 runs, 0 of them done in results/, 12 to do" in text
    # logs: of 12 runs, 4 profiles, 2 datasets, their samples and 3 last steps, twice, and of the study's copy
    assert "files: at most 60 of runs, 4 of profiles, 47 of logs" in text
    table = [line.split() for line in block(text, "cluster jobs").splitlines()]
    assert ["prepare", "2", "1", "2", "1", "0:30:00", "1", "core-hours"] in table
    assert ["samples", "2", "1", "2", "1", "0:30:00", "1", "core-hours"] in table
    assert ["train", "12", "8", "2", "1", "4:00:00", "6", "GPU-hours"] in table
    assert "together 13 jobs in 7 arrays" in text and "5.5 core-hours + 6 GPU-hours" in text
    estimate = block(text, "estimate")
    assert "no basis for 12 of 12 open runs, on digits, ucr/GunPoint:" in estimate and "hours, for" not in estimate
    command = "snakemake results/runs/digits/vanilla/seed0/run.parquet --profile profile --configfile study.yaml"
    assert f"one run is a basis: {command}" in estimate
    assert "data: size not known before it is prepared: digits, ucr/GunPoint" in block(text, "disk")
    assert "classification: 1 dataset," in text and "cannot reject" in text


def test_samples_are_drawn_where_something_is_trained(folder):
    study = parse(STUDY, "s")
    assert ("samples", 2) in state(study).steps()
    (folder / "results/samples/ucr").mkdir(parents=True)
    (folder / "results/samples/ucr/GunPoint.svg").touch()
    assert ("samples", 1) in state(study).steps()
    rules = [{"name": name, "rule": True} for name in ("mine", "yours")]
    only_rules = parse(STUDY | {"variants": rules, "analysis": {"control": "mine"}}, "s")
    assert "samples" not in dict(state(only_rules).steps())


def test_the_command_that_makes_a_basis_trains_that_run(project):
    text = project.dynconv("plan", "--study", "config/demo.yaml", "--profile", "cluster_profiles/local").stdout
    command = next(line for line in text.splitlines() if "one run is a basis: snakemake " in line).split(": ")[1]
    done = project.run(sys.executable, "-m", *command.split(), "-n")
    assert re.search(r"^train_vanilla +1$", done.stdout + done.stderr, re.M), done.stderr


def test_an_expression_is_left_to_snakemake_and_a_local_profile_has_no_cluster_jobs(folder):
    profile(folder, "executor: submitit\ndefault-resources: {runtime: attempt * 60}")
    text = plan(parse(STUDY, "s"), "profile")
    assert "runtime=attempt * 60: only Snakemake can work that out" in text and "and the steps without a limit" in text
    assert "runs the steps on this machine" in plan(parse(STUDY, "s"), ROOT / "cluster_profiles/local")


def test_hours_come_from_past_runs_or_from_nowhere(folder):
    study = parse(STUDY, "s")
    digits, *_ = keys(study, "digits", "vanilla")
    add_run(study, digits, train_s=3600.0, macs=1000)
    text = block(plan(study), "estimate")
    assert f"2 hours, one run at a time, for 2 of 11 open runs, as timed on {CPU} (1 past runs)" in text
    assert "no basis for 9 of 11 open runs, on digits, ucr/GunPoint:" in text
    # With its profile, the other variant is scaled on the dataset that has a past run.
    one = {"dataset": "digits", "variant": "odconv", "task": "classification", "macs": 500}
    records.write("profile", [one], folder / "results/profile/digits/odconv.parquet")
    text = block(plan(study), "estimate")
    assert "3.5 hours, one run at a time, for 5 of 11 open runs" in text  # 2 x 1 h + 3 x 0.5 h
    assert "2 by the mean train_s of their dataset and variant; 3 by that of other variants" in text
    assert "no basis for 6 of 11 open runs, on ucr/GunPoint:" in text
    # A processor's time says nothing about a GPU's.
    profile(folder, MAPPING)
    assert "no basis for 11 of 11 open runs" in plan(study, "profile")


def test_runs_that_share_a_gpu_count_for_their_part(folder):
    study = parse(STUDY | {"seeds": 9, "datasets": ["digits"]}, "s")
    profile(folder, MAPPING)
    add_run(study, keys(study, "digits", "vanilla")[0], train_s=3600.0, device=GPU)
    text = block(plan(study, "profile"), "estimate")
    assert f"2 GPU-hours, for 8 of 17 open runs, as timed on {GPU} (1 past runs)" in text  # four at a time
    assert "runs of a pack share a GPU" in text


def test_no_times_of_two_machines_or_of_failed_runs_are_mixed(folder):
    study = parse(STUDY, "s")
    rows = [add_run(study, key, train_s=10.0, macs=7) for key in keys(study, "digits", "vanilla")[:2]]
    rows.append(rows[0] | {"device": "Another (CPU)", "train_s": 1000.0})
    rows.append(rows[0] | {"status": "failed", "train_s": 1.0})
    made = plan_hours.estimate(rows, [("digits", "vanilla")], folder, gpu=False, ranks=1)
    assert (made.device, made.past, made.seconds) == (CPU, 2, {("digits", "vanilla"): 10.0})
    assert plan_hours.estimate(rows, [("digits", "vanilla")], folder, gpu=False, ranks=4).seconds == {}


def test_a_changed_recipe_opens_its_runs_again(folder):
    study = parse(STUDY, "s")
    for key in study.runs():
        add_run(study, key)
    assert "12 of them done in results/, 0 to do" in plan(study)
    changed = parse(STUDY | {"recipes": {"timeseries": {"epochs": 7}}}, "s")
    text = plan(changed)
    assert "6 of them done in results/, 6 to do (6 again: their recipe or options changed)" in text
    assert "no basis for 6 of 6 open runs" in text  # their times are those of another recipe


def test_bytes_are_those_of_past_runs(folder):
    study = parse(STUDY, "s")
    for key in keys(study, "digits", "vanilla"):
        add_run(study, key)
    each = 2000 + (folder / "results/runs/digits/vanilla/seed0/run.parquet").stat().st_size
    (folder / "data/digits").mkdir(parents=True)
    (folder / "data/digits/meta.json").write_text("{}")
    (folder / "data/digits/train_x.npy").write_bytes(b"x" * 4998)
    text = block(plan(study), "disk")
    assert f"{6 * each / 1000:.0f} kB for 6 runs, {each / 1000:.1f} kB each" in text
    assert "no basis for 6: no past run on ucr/GunPoint" in text and "data: 5.0 kB of 1 prepared datasets" in text


def test_bytes_are_those_that_the_study_keeps(folder):
    whole, first, none = (parse(STUDY | {"keep": {"predictions": kept}}, "s") for kept in ("all", "first_seed", "none"))
    for key in keys(whole, "digits", "vanilla"):
        add_run(whole, key, params=10**6)
    without = 1000 + (folder / "results/runs/digits/vanilla/seed0/run.parquet").stat().st_size
    empty = bytes_of_an_empty_table()
    for study, kept in ((whole, 6), (first, 2), (none, 0)):
        text = block(plan(study), "disk")
        assert f"  runs: {size(6 * without + kept * 1000 + (6 - kept) * empty)} for 6 runs, " in text
        assert (f", predictions kept: {study.keep.predictions}" in text) is (study is not whole)
        # Two checkpoints, each of the weights and of the momentum.
        assert "  checkpoints: up to 16.0 MB a run (two of them), until it is complete" in text


def test_rows_come_from_the_table_unless_a_run_is_newer(folder):
    study = parse(STUDY, "s")
    rows = [add_run(study, key, train_s=1.0) for key in keys(study, "digits", "vanilla")]
    results = folder / "results"
    records.write("runs", [row | {"train_s": 2.0} for row in rows[:2]], results / "tables/runs.parquet")
    newer = results / "runs" / rows[1]["run_id"] / "run.parquet"
    later = (results / "tables/runs.parquet").stat().st_mtime + 10
    os.utime(newer, (later, later))
    read = run_rows.read(results, run_rows.files(results), ["train_s"])
    # from the table; newer than the table; not in the table
    assert {run_id: row["train_s"] for run_id, row in read.items()} == dict(
        zip([row["run_id"] for row in rows], [2.0, 1.0, 1.0], strict=True)
    )


@pytest.mark.parametrize("damage", ["truncated", "misplaced"])
def test_a_damaged_run_is_named(folder, damage):
    study = parse(STUDY, "s")
    first, second, _ = keys(study, "digits", "vanilla")
    add_run(study, first)
    add_run(study, second)
    file = folder / "results/runs" / first.run_id / "run.parquet"
    other = folder / "results/runs" / second.run_id / "run.parquet"
    file.write_bytes(file.read_bytes()[:100] if damage == "truncated" else other.read_bytes())
    expected = "not a readable Parquet file" if damage == "truncated" else f"holds {second.run_id}; valid"
    with pytest.raises(DynconvError, match=f"{first.run_id}.*{expected}"):
        plan(study)


def test_ten_thousand_runs_without_torch(folder):
    """By hand: half a second without done runs, and about seven where 10,000 single files are read (2 cores)."""
    profile(folder, MAPPING)
    code = """
import sys, yaml
from dynconv.plan import plan
from dynconv.plan_state import state
from dynconv.study import parse
variants = ["vanilla", "hard_attention", "soft_local", "soft_global", "odconv"]
datasets = ["tiny_imagenet", "voc2012", "ucr/GunPoint", "ucr/ArrowHead"]
study = parse({"name": "big", "variants": variants, "datasets": datasets, "seeds": 500}, "big")
print(plan(study, "profile"))
sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "= 10000 runs, 0 of them done" in done.stdout and "no basis for 10000: no past run" in done.stdout
    assert ["train_vanilla,", "train_odconv", "4000", "8", "500", "5", "4:00:00", "2000", "GPU-hours"] in [
        line.split() for line in done.stdout.splitlines()
    ]


def test_many_datasets_of_a_family_share_a_line_and_their_own_recipes_are_told(folder):
    datasets = ["ucr_image", {"name": "ucr/Adiac", "recipe": {"epochs": 7}}, {"name": "digits", "recipe": {"lr": 0.5}}]
    recipes = {"timeseries": {"epochs": 3}}
    study = parse(STUDY | {"datasets": datasets, "recipes": recipes}, "s")
    (folder / "data/ucr/Fish").mkdir(parents=True)
    (folder / "data/ucr/Fish/meta.json").write_text("{}")
    text = plan(study)
    series = block(text, "timeseries: 32 datasets").splitlines()
    assert (
        "  ucr: 32 datasets, 1 prepared, 31 to be prepared" in series and "ucr/Fish" not in text.split("timeseries:")[1]
    )
    assert "    epochs: 3" in series and series[-1] == "  ucr/Adiac: epochs: 7"
    images = block(text, "classification: 1 dataset,").splitlines()
    assert "  digits: to be prepared" in images and "    lr: 0.5" in images
