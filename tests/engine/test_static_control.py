"""odconv_static in training: its means are those of the whole batch, and survive a stop."""

import numpy as np
import pytest
from fits import distance, train
from ranks import in_ranks

GENTLE = {"lr": 1e-4, "batch_size": 10, "temperature_epochs": 1}
CASE = "ucr/GunPoint", "odconv_static"


@pytest.fixture
def study(make_study):
    return make_study(["vanilla", "odconv_static"], accumulate=2, ema_decay=0.9, checkpoint_every_s=600, **GENTLE)


def test_two_processes_are_one(study, store, tmp_path):
    alone, *_ = in_ranks(1, train, study, *CASE, store, tmp_path, "single")
    many = in_ranks(2, train, study, *CASE, store, tmp_path, "ddp")
    assert distance(alone, many[0]) < 1e-8 and distance(*many) == 0


def test_stopped_and_continued_it_is_bitwise_the_same(study, store, tmp_path):
    whole = train(study, *CASE, store, tmp_path / "whole")
    assert "stopped" in train(study, *CASE, store, tmp_path / "cut", stop=3)
    cut = train(study, *CASE, store, tmp_path / "cut")
    assert distance(whole, cut) == 0
    means = [name for name in whole["tensors"] if "running_channel" in name]
    assert len(means) == 16 and all(np.ptp(whole["tensors"][name]) > 0 for name in means)
