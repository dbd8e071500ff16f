"""A checkpoint continues under any strategy, on any number of processes."""

import itertools

import pytest
import torch
from fits import distance, train
from ranks import in_ranks

from dynconv.engine.checkpoint import Checkpoints
from dynconv.engine.world import World

GENTLE = {"lr": 1e-4, "batch_size": 4, "epochs": 2, "temperature_epochs": 2, "checkpoint_every_s": 600}
STOPS = 2  # steps of each start but the last


def content(folder):
    return Checkpoints(folder, "test").load(World())[0]


def tensors(kept):
    """Every tensor of a checkpoint, by a name of its own."""
    slots = {f"{slot}/{name}": v for slot, each in kept["optimizer"]["slots"].items() for name, v in each.items()}
    average = {f"average/{name}": v for name, v in kept["state"]["average"].items()}
    return kept["parameters"] | kept["buffers"] | slots | average


def chain(study, store, out, variant, ways, dtype=torch.float64):
    """Train in several starts, each stopped after two steps and under another (strategy, processes)."""
    for number, (name, size) in enumerate(ways):
        stop = STOPS if number + 1 < len(ways) else None
        result, *_ = in_ranks(size, train, study, "ucr/GunPoint", variant, store, out, name, dtype=dtype, stop=stop)
        said = [f"resuming after step {number * STOPS} of {out}/checkpoint.pt"] if number else ["starting from scratch"]
        assert result["said"] == said
        assert ("stopped" in result) == (stop is not None)
    return result


@pytest.mark.parametrize("variant", ["odconv", "hard_attention"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_two_processes_then_one_then_three(make_study, store, tmp_path, variant, optimizer):
    study = make_study(optimizer=optimizer, ema_decay=0.9, **GENTLE)
    whole, *_ = in_ranks(1, train, study, "ucr/GunPoint", variant, store, tmp_path / "whole", "single")
    parts = chain(study, store, tmp_path / "parts", variant, [("ddp", 2), ("single", 1), ("ddp", 3)])
    assert distance(whole, parts) < 1e-8


@pytest.mark.parametrize("ways", list(itertools.product(["ddp", "deepspeed"], repeat=2)), ids="-".join)
def test_on_the_same_number_of_processes_it_is_bitwise_the_same(make_study, store, tmp_path, ways):
    # Stage 3 computes what DDP does, bit by bit, so even changing over leaves no trace.
    study = make_study(**GENTLE, zero_stage=3)
    options = {"dtype": torch.float32}
    whole, *_ = in_ranks(2, train, study, "ucr/GunPoint", "odconv", store, tmp_path / "whole", ways[-1], **options)
    parts = chain(study, store, tmp_path / "parts", "odconv", [(way, 2) for way in ways], torch.float32)
    assert distance(whole, parts) == 0 and whole["predictions"] == parts["predictions"]


@pytest.mark.parametrize("name", ["ddp", "deepspeed"])
def test_on_three_processes_it_is_bitwise_the_same(make_study, store, tmp_path, name):
    # With more than two, the order in which gradients are added up counts.
    study = make_study(**{**GENTLE, "lr": 0.02}, zero_stage=2)
    options = {"dtype": torch.float32}
    whole, *_ = in_ranks(3, train, study, "ucr/GunPoint", "odconv", store, tmp_path / "whole", name, **options)
    parts = chain(study, store, tmp_path / "parts", "odconv", [(name, 3)] * 3, torch.float32)
    assert distance(whole, parts) == 0 and whole["predictions"] == parts["predictions"]


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_zero_hands_on_what_it_was_given(make_study, store, tmp_path, stage, optimizer):
    # Without a step between reading and writing, any difference would be the strategy's.
    study = make_study(optimizer=optimizer, ema_decay=0.9, zero_stage=stage, **GENTLE)
    options = {"dtype": torch.float32}
    in_ranks(2, train, study, "ucr/GunPoint", "odconv", store, tmp_path, "ddp", stop=3, **options)
    first = content(tmp_path)
    in_ranks(2, train, study, "ucr/GunPoint", "odconv", store, tmp_path, "deepspeed", stop=0, **options)
    second = content(tmp_path)
    assert first["state"]["step"] == second["state"]["step"] == 3
    assert first["optimizer"]["steps"] == second["optimizer"]["steps"]
    a, b = tensors(first), tensors(second)
    assert a.keys() == b.keys() and len(a) > 100
    assert {name for name in a if not torch.equal(a[name], b[name].view(a[name].shape))} == set()
    temperatures = [value.item() for name, value in b.items() if name.endswith("temperature")]
    assert temperatures and all(1 < value < 30 for value in temperatures)
    in_ranks(1, train, study, "ucr/GunPoint", "odconv", store, tmp_path, "single", stop=0, **options)
    third = tensors(content(tmp_path))
    assert all(torch.equal(value, third[name]) for name, value in a.items())


@pytest.mark.parametrize("stage", [1, 3])
def test_from_zero_on_two_to_ddp_on_four_to_zero_on_three(make_study, store, tmp_path, stage):
    study = make_study(zero_stage=stage, **GENTLE)
    whole, *_ = in_ranks(
        1, train, study, "ucr/GunPoint", "vanilla", store, tmp_path / "whole", "single", dtype=torch.float32
    )
    ways = [("deepspeed", 2), ("ddp", 4), ("deepspeed", 3)]
    parts = chain(study, store, tmp_path / "parts", "vanilla", ways, torch.float32)
    assert distance(whole, parts) < 1e-4  # that of synchronised batch normalisation in float32, see test_equality.py
