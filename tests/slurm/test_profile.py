"""`snakemake --profile slurm` on a real cluster: every run of a study a Slurm job, from a clone, as it is."""

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from checkout import ROOT, copy_project
from daemons import wait_until

from dynconv import records

STUDY = {
    "name": "tiny",
    "variants": ["vanilla", "odconv"],
    "datasets": ["ucr/ItalyPowerDemand"],
    "seeds": [0, 1],
    "recipes": {"timeseries": {"width": 0.125, "epochs": 1, "batch_size": 32, "lr": 0.01}},
    "on_failure": "record",
}


@pytest.fixture
def clone(slurm, tmp_path):
    project = copy_project(tmp_path / "a clone")
    (project.root / "slurm").symlink_to("cluster_profiles/slurm")
    project.write("config/tiny.yaml", yaml.safe_dump(STUDY))
    # The cluster's commands first; the workflow finds its own by itself.
    project.env |= {name: value for name, value in slurm.env.items() if name.startswith("SLURM")}
    project.env["PATH"] = slurm.env["PATH"]
    return project


def half_way(project, driver):
    """A snapshot while jobs are live: it ends well, is partial, and names them."""
    wait_until(lambda: driver.done() or any(project.root.glob("logs/slurm/train_*/**/*.log")), "a run to start", 240)
    while not driver.done():
        done = project.dynconv("snapshot", "--study", "config/tiny.yaml")
        said = json.loads((project.root / "results/snapshot/snapshot.json").read_text())
        live = [run for run in said["unfinished"] if run["state"] in ("running", "queued")]
        if live:
            assert said["complete"] is False and "partial: runs are still to come" in done.stdout
            return {run["run"] for run in live}, {run["job"].partition("_")[0] for run in live}
    raise AssertionError(f"no job was live in any snapshot:\n{driver.result()[1]}")


def snakemake(project, *words):
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", "config/tiny.yaml", *words]
    done = subprocess.run(command, cwd=project.root, env=project.env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_the_symlink_is_the_profile():
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm/config.yaml").samefile(ROOT / "cluster_profiles/slurm/config.yaml")


def test_a_study_runs_end_to_end(slurm, clone):
    started = time.time()
    with ThreadPoolExecutor() as pool:
        driver = pool.submit(snakemake, clone)
        live, jobs = half_way(clone, driver)
        code, text = driver.result()
    assert code == 0, text
    assert (clone.root / "results/report.html").stat().st_size > 10_000

    rows = records.read("runs", clone.root / "results/tables/runs.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 4
    assert all(re.fullmatch(r"\d+(_\d+)?", row["slurm_job_id"]) for row in rows), rows
    assert {row["attempt"] for row in rows} == {1}
    assert live <= {row["run_id"] for row in rows} and jobs == {row["slurm_job_id"].partition("_")[0] for row in rows}
    (queued,) = {row["queue_s"] for row in rows}  # that of the pack
    assert 0 <= queued < max(row["started_at"] for row in rows).timestamp() - started
    # One submission a step: prepare; samples; train and profile, in one pack of six; collect, compare, report.
    assert len({row["slurm_job_id"] for row in rows}) == 1
    assert len(slurm.calls("sbatch")) == 6

    log = clone.root / "logs/slurm/train_odconv/ucr/ItalyPowerDemand/odconv/seed1.log"
    assert f"job {rows[0]['slurm_job_id']} on n" in log.read_text()

    listed = clone.dynconv("list", "runs", "--study", "config/tiny.yaml").stdout
    assert listed.count(rows[0]["slurm_job_id"]) == 4 and "4 of 4 runs ok" in listed

    code, text = snakemake(clone)
    assert code == 0 and "Nothing to be done" in text


def test_a_lost_run_is_a_failed_row(slurm, clone):
    """Out of memory for good: the run's cause is in the tables, and the report is made all the same."""
    resources = clone.root / "cluster_profiles/slurm/config.yaml"
    profile = yaml.safe_load(resources.read_text())
    profile["set-resources"]["train_odconv"] = {"mem_mb": 60, "pack": 1}  # importing torch takes more
    profile |= {"submitit-oom-retries": 0, "submitit-state-seconds": 1, "latency-wait": 2}
    resources.write_text(yaml.safe_dump(profile))
    code, text = snakemake(clone)
    assert code == 0, text
    rows = records.read("runs", clone.root / "results/tables/runs.parquet").to_pylist()
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["variant"] for row in failed} == {"odconv"} and len(failed) == 2
    assert all(row["failure"].startswith("OUT_OF_MEMORY") for row in failed), failed
    assert (clone.root / "results/report.html").exists()
