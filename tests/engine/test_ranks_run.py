"""The command on many processes: its files, written once; signals; what the leading process does not share."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import command

from dynconv import records
from dynconv.stopping import STOPPED

RUN = {"epochs": 2, "batch_size": 8, "lr": 1e-4}


def torchrun(processes, words):
    """The same in many processes."""
    program = str(Path(sys.executable).parent / "torchrun")
    return [program, "--standalone", f"--nproc-per-node={processes}", "--no-python", *words]


def clean_env():
    return {**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("strategy", ["ddp", "deepspeed"])
def test_torchrun_writes_one_run(make_study, store, tmp_path, strategy):
    study = make_study(**RUN, zero_stage=2)
    out = tmp_path / "out"
    words = torchrun(
        2, command(study, tmp_path, out, store, "--strategy", strategy, "--tensorboard", tmp_path / "board")
    )
    done = subprocess.run(words, capture_output=True, text=True, env=clean_env())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ucr/GunPoint/vanilla/seed0: ok") == 1 and done.stdout.count("starting from scratch") == 1
    row = records.read("runs", out / "run.parquet").to_pylist()[0]
    assert (row["strategy"], row["world_size"], row["accumulate"]) == (strategy, 2, 1)
    assert row["zero_stage"] == (2 if strategy == "deepspeed" else None)
    assert 0 < row["data_wait_s"] < row["train_s"] and row["energy_j"] is None
    predictions = records.read("predictions", out / "predictions.parquet").to_pandas()
    assert list(predictions.example_id) == list(range(len(predictions)))
    assert sorted(file.name for file in out.iterdir()) == [
        "diagnostics.parquet",
        "metrics.parquet",
        "predictions.parquet",
        "run.parquet",
    ]
    assert len(list((tmp_path / "board").glob("events.out.tfevents.*"))) == 1

    alone = tmp_path / "alone"
    subprocess.run(command(study, tmp_path, alone, store), check=True, capture_output=True, env=clean_env())
    first = records.read("metrics", alone / "metrics.parquet").to_pandas()
    second = records.read("metrics", out / "metrics.parquet").to_pandas()
    assert (first.value - second.value).abs().max() < 1e-4  # float32 with synchronised batch normalisation


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_signal_to_one_process_stops_all_in_good_order(make_study, store, tmp_path, number):
    study = make_study(epochs=10_000, checkpoint_every_s=0)
    out = tmp_path / "out"
    words = command(study, tmp_path, out, store)
    ranks = []
    for rank in range(2):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
        told |= {"MASTER_PORT": 10_000 + os.getpid() % 20_000}
        env = clean_env() | {name: str(value) for name, value in told.items()}
        ranks.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env))
    while not (out / "checkpoint.pt").exists() and ranks[0].poll() is None:
        time.sleep(0.005)
    ranks[1].send_signal(number)
    said = [rank.communicate(timeout=60) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [STOPPED, STOPPED], said
    assert f"on {number.name}: the next start continues from {out}/checkpoint.pt" in said[0][0]
    assert {file.name for file in out.iterdir()} <= {"checkpoint.pt", "checkpoint.previous.pt"}


def test_many_processes_with_the_strategy_for_one_are_refused(make_study, store, tmp_path):
    words = command(make_study(**RUN), tmp_path, tmp_path / "out", store, "--strategy", "single")
    env = clean_env() | {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "x", "MASTER_PORT": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.returncode == 2 and "started as 2 processes" in done.stderr and len(done.stderr.splitlines()) == 1


def test_too_many_processes_for_the_batch_are_refused(make_study, store, tmp_path):
    words = torchrun(4, command(make_study(batch_size=3), tmp_path, tmp_path / "out", store))
    done = subprocess.run(words, capture_output=True, text=True, env=clean_env())
    line = "batches of 3 examples cannot be cut into 1 micro-batches for 4 processes: each needs an example"
    assert done.returncode != 0 and line in done.stderr
