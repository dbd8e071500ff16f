"""Killed without warning, again and again, a run ends with the bits of one that was left alone."""

import contextlib
import random
import time

import pytest
import torch
from fits import distance, train
from ranks import Ranks, in_ranks

OPTIONS = {"dtype": torch.float32}


def look(folder):
    """The files of a run's folder and when each was written; scratch files have a name of their own each time."""
    found = {}
    for file in folder.glob(".*part") if folder.is_dir() else ():
        found[file.name] = 0
    with contextlib.suppress(FileNotFoundError):
        found["checkpoint.pt"] = (folder / "checkpoint.pt").stat().st_mtime_ns
    return found


@pytest.mark.parametrize(
    ("name", "size", "variant", "kills"),
    [("single", 1, "hard_attention", 10), ("ddp", 2, "odconv", 8), ("deepspeed", 2, "odconv", 3)],
)
def test_killed_many_times_at_random_moments(make_study, store, tmp_path, name, size, variant, kills):
    keys = {"epochs": 8, "batch_size": 4, "optimizer": "adam", "lr": 0.003, "ema_decay": 0.9, "zero_stage": 2}
    study = make_study(checkpoint_every_s=0, **keys)
    whole, *_ = in_ranks(size, train, study, "ucr/GunPoint", variant, store, tmp_path / "whole", name, **OPTIONS)
    out, chance = tmp_path / "killed", random.Random(0)
    writing = 0
    for number in range(kills):
        before = look(out)
        ranks = Ranks(size, train, study, "ucr/GunPoint", variant, store, out, name, **OPTIONS)
        until = time.monotonic() + 120
        # A checkpoint that was not there, or the scratch file of one: then at once, or a moment later.
        while not look(out).items() - before.items() and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.05 if number % 2 else 0)
        assert all(process.is_alive() for process in ranks.processes), "the run ended before it could be killed"
        ranks.kill()
        writing += any(".part" in name for name in look(out).keys() - before.keys())
    assert writing, "no kill has hit a checkpoint that was being written"
    result, *_ = in_ranks(size, train, study, "ucr/GunPoint", variant, store, out, name, **OPTIONS)
    assert "resuming after step" in result["said"][-1]
    assert distance(whole, result) == 0 and result["predictions"] == whole["predictions"]


def test_the_others_end_when_one_is_killed(make_study, store, tmp_path):
    study = make_study(epochs=10_000, checkpoint_every_s=600)
    ranks = Ranks(2, train, study, "ucr/GunPoint", "vanilla", store, tmp_path, "ddp", **OPTIONS)
    time.sleep(4)
    assert all(process.is_alive() for process in ranks.processes)
    ranks.processes[1].kill()
    ranks.processes[0].join(60)
    alive = ranks.processes[0].is_alive()
    ranks.kill()
    assert not alive
