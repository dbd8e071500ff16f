"""dynconv's own runs, when their jobs are taken away or lost."""

import json
import shlex
import sys
import time

import memory
import pytest
import yaml
from daemons import wait_until
from workflows import Workflow

from dynconv import records
from dynconv.data.prepare import prepare

RECIPE = {"width": 0.125, "epochs": 400, "batch_size": 8, "lr": 0.02, "temperature_epochs": 200}
KEY = "--study study.yaml --dataset ucr/GunPoint --variant odconv --seed 0 --data data --failures failures --out"
DYNCONV = shlex.join([sys.executable, "-m", "dynconv.cli"])
TRAIN = f"{DYNCONV} train {KEY} {{params.out}} --device cpu --threads 1 --toy"
OUTPUT = ", ".join(f'"out/{name}.parquet"' for name in ("run", "metrics", "predictions"))


def workflow_of(folder, cluster, before="", resources="", **study):
    workflow = Workflow(folder, cluster.env, f"""
        rule train:
            output: {OUTPUT}
            params: out="out"
            resources: slurm_partition="low", slurm_extra="--nodelist=n1 --exclusive"{resources}
            shell: "{before}{TRAIN}"
    """)  # fmt: skip
    content = {"name": "tiny", "variants": ["vanilla", "odconv"], "datasets": ["ucr/GunPoint"], "seeds": [0]}
    content |= {"recipes": {"timeseries": RECIPE | study.pop("recipe", {})}} | study
    workflow.write("study.yaml", yaml.safe_dump(content))
    prepare("ucr/GunPoint", folder / "data", toy=True)
    return workflow


def numbers(folder):
    metrics = records.read("metrics", folder / "metrics.parquet").to_pylist()
    return metrics, records.read("predictions", folder / "predictions.parquet").to_pylist()


def row(folder):
    return records.read("runs", folder / "run.parquet").to_pylist()[0]


def test_a_preempted_run_ends_with_the_numbers_of_an_undisturbed_one(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm)
    log = workflow.folder / "logs/slurm/train/train.log"
    with workflow.start() as driver:
        wait_until(lambda: log.exists() and "epoch" in log.read_text(), "the run to train")
        options = ["--parsable", "--partition=high", "--nodelist=n1", "--exclusive", "--output=/dev/null"]
        stopped = time.time()
        slurm.wait_for_state(slurm.run("sbatch", *options, "--wrap", "true"), "COMPLETED")
        done = driver.end(120)
    assert done.code == 0, done.output
    assert "on SIGTERM: the next start continues from" in workflow.read("logs/slurm/train/train.log")
    again = row(workflow.folder / "out")
    assert again["attempt"] == 2
    # Since it was preempted, not since its submission.
    assert 0 < again["queue_s"] < again["started_at"].timestamp() - stopped
    assert row(workflow.folder / "out")["hostname"] is not None
    whole = workflow_of(tmp_path / "whole", slurm)
    whole.succeed(seconds=120)
    assert row(whole.folder / "out")["attempt"] == 1
    assert numbers(workflow.folder / "out") == numbers(whole.folder / "out")


@pytest.mark.skipif(not memory.usable(), reason="no memory controller (cgroup v1) for the nodes")
@pytest.mark.parametrize("on_failure", ["record", "stop"])
def test_a_run_that_the_kernel_kills_is_on_record(slurm, tmp_path, on_failure):
    word = f', mem_mb=100, failure_command="{DYNCONV} fail {KEY} out"'
    before = f"{sys.executable} -c 'block = bytearray(300 << 20)'; "
    workflow = workflow_of(tmp_path / "w", slurm, before, word, on_failure=on_failure)
    done = workflow.run("--submitit-oom-retries", "0")
    left = json.loads(workflow.read("failures/ucr/GunPoint/odconv/seed0.json"))
    assert left["failure"].startswith("OUT_OF_MEMORY: used more memory than it asked for (mem_mb=100); job ")
    if on_failure == "stop":
        assert done.code == 1
        assert not (workflow.folder / "out/run.parquet").exists()
        return
    assert done.code == 0, done.output
    failed = row(workflow.folder / "out")
    assert (failed["status"], failed["failure"], failed["hostname"]) == ("failed", left["failure"], "n1")
    assert failed["slurm_job_id"] in done.output
