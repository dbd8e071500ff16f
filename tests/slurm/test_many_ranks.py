"""One training run on several nodes: started by the executor and by srun alone, taken away, and continued."""

import shlex

import pytest
import yaml
from daemons import wait_until
from test_profile import clone, snakemake  # noqa: F401 (a fixture)
from test_runs import DYNCONV, KEY, numbers, row, workflow_of

from dynconv import records


def on_nodes(folder, cluster, **recipe):
    """The workflow of `test_runs`, a process on each of two nodes."""
    workflow = workflow_of(folder, cluster, recipe={"lr": 1e-4, **recipe})
    text = workflow.read("Snakefile")
    resources = 'slurm_partition="low", slurm_extra="--nodelist=n1,n2 --exclusive", '
    resources += "nodes=2, tasks_per_node=1, mem_mb=3000, runtime=5"
    text = text.replace('slurm_partition="low", slurm_extra="--nodelist=n1 --exclusive"', resources)
    assert "tasks_per_node" in text
    workflow.write("Snakefile", text)
    return workflow


def test_a_preempted_run_on_two_nodes_ends_with_the_numbers_of_an_undisturbed_one(slurm, tmp_path):
    keys = {"epochs": 30, "temperature_epochs": 15}
    workflow = on_nodes(tmp_path / "w", slurm, **keys)
    log = workflow.folder / "logs/slurm/train/train.log"
    with workflow.start() as driver:
        wait_until(lambda: log.exists() and "epoch 1/" in log.read_text(), "the run to train", 120)
        options = ["--parsable", "--partition=high", "--nodelist=n2", "--exclusive", "--output=/dev/null"]
        slurm.wait_for_state(slurm.run("sbatch", *options, "--wrap", "true"), "COMPLETED")
        done = driver.end(240)
    assert done.code == 0, done.output
    said = workflow.read("logs/slurm/train/train.log")
    assert "on SIGTERM: the next start continues from" in said and "resuming after step" in said
    assert said.count("starting from scratch") == 1
    kept = row(workflow.folder / "out")
    assert (kept["attempt"], kept["strategy"], kept["world_size"]) == (2, "ddp", 2)
    assert "epoch" not in workflow.read("logs/slurm/train/train.log.rank1"), "one process speaks"
    whole = on_nodes(tmp_path / "whole", slurm, **keys)
    whole.succeed(seconds=240)
    assert row(whole.folder / "out")["attempt"] == 1
    assert numbers(workflow.folder / "out") == numbers(whole.folder / "out")


def test_srun_alone_starts_a_run_on_two_nodes(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm, recipe={"epochs": 2, "lr": 1e-4})
    command = f"{DYNCONV} train {KEY} out --device cpu --threads 1 --toy"
    words = ["--nodes=2", "--ntasks-per-node=2", "--mem=3000", "--exclusive", f"--chdir={workflow.folder}"]
    said = slurm.run("srun", *words, *shlex.split(command), env=workflow.env)
    assert said.count("ucr/GunPoint/odconv/seed0: ok") == 1
    kept = row(workflow.folder / "out")
    assert (kept["strategy"], kept["world_size"]) == ("ddp", 4)


@pytest.mark.parametrize("strategy", ["auto", "deepspeed"])
def test_a_line_of_the_profile_spreads_a_variant_over_nodes(slurm, clone, strategy):  # noqa: F811
    file = clone.root / "cluster_profiles/slurm/config.yaml"
    profile = yaml.safe_load(file.read_text())
    profile["set-resources"]["train_odconv"] = {"nodes": 2, "tasks_per_node": 1, "pack": 1}
    profile["submitit-state-seconds"] = 1
    file.write_text(yaml.safe_dump(profile))
    study = yaml.safe_load((clone.root / "config/tiny.yaml").read_text())
    study |= {"seeds": [0], "variants": ["odconv", "vanilla"]}
    study["recipes"]["timeseries"] |= {"strategy": strategy}
    clone.write("config/tiny.yaml", yaml.safe_dump(study))
    code, text = snakemake(clone, "--until", "collect")
    assert code == 0, text
    rows = {row["variant"]: row for row in records.read("runs", clone.root / "results/tables/runs.parquet").to_pylist()}
    name = "ddp" if strategy == "auto" else "deepspeed"
    assert (rows["odconv"]["strategy"], rows["odconv"]["world_size"]) == (name, 2)
    alone = "single" if strategy == "auto" else "deepspeed"
    assert (rows["vanilla"]["strategy"], rows["vanilla"]["world_size"]) == (alone, 1)
    log = clone.root / "logs/train/ucr/ItalyPowerDemand/odconv/seed0.log"
    assert "starting from scratch" in log.read_text()
    assert log.with_name("seed0.log.rank1").read_text() == ""
