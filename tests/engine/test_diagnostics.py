"""Diagnostics look at a training and leave it as it is, however it is spread, stopped or cut short of memory."""

import math

import pytest
import torch
from fits import After
from ranks import in_ranks

from dynconv import models, records
from dynconv.engine.diagnostics import probe, schedule
from dynconv.engine.run import train_run
from dynconv.engine.single import Single
from dynconv.models.branches import branch_layers
from dynconv.stopping import Stopped
from dynconv.study import RunKey

VARIANTS = ("vanilla", "hard_attention", "soft_local", "odconv", "odconv_static")
KEYS = {"epochs": 3, "lr": 1e-3, "batch_size": 12, "checkpoint_every_s": 600}


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr(schedule, "STEPS", 1)


def run(study, variant, store, out, stop=None, strategy="auto", say=lambda line: None):
    schedule.STEPS = 1  # in processes of their own, too
    key = RunKey("ucr/GunPoint", variant, 0)
    options = {"device_name": "cpu", "threads": 1, "toy": True, "say": say, "stop": stop}
    return train_run(study, key, out, store, strategy_name=strategy, **options)


def tables(out, *names):
    return [records.read(name, out / f"{name}.parquet").to_pylist() for name in names]


def values(out):
    (rows,) = tables(out, "diagnostics")
    return {(r["epoch"], r["layer"], r["subject"], r["quantity"]): r["value"] for r in rows}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_is_bitwise_the_same_without_them(make_study, store, tmp_path, variant):
    study = make_study(VARIANTS, **KEYS, ema_decay=0.9, optimizer="adam")
    blind = study.model_copy(update={"diagnostics": False})
    assert run(study, variant, store, tmp_path / "with")["diagnostics_s"] > 0
    assert run(blind, variant, store, tmp_path / "without")["diagnostics_s"] == 0
    names = "metrics", "predictions"
    assert tables(tmp_path / "with", *names) == tables(tmp_path / "without", *names)
    assert values(tmp_path / "without") == {}

    found = values(tmp_path / "with")
    assert {epoch for epoch, *_ in found} == {1, 2, 3}
    subjects = {subject for *_, subject, _ in found}
    attended = {"channel", "filter", "spatial", "mixed"} if "odconv" in variant else {"gate"}
    assert subjects == {"parameters"} | (attended if variant != "vanilla" else set())
    assert all(value is not None and math.isfinite(value) for value in found.values())
    ranks = [value for key, value in found.items() if key[-1] == "effective_rank"]
    if variant == "odconv_static":
        assert ranks == pytest.approx([1] * 48)
    if variant == "odconv":
        assert len(ranks) == 48 and min(ranks) > 1.0001


def test_each_parameter_of_a_part_is_counted_once(make_study, store, tmp_path):
    run(make_study(("vanilla", "se_cbam"), **KEYS | {"epochs": 1}), "se_cbam", store, tmp_path)
    (rows,) = tables(tmp_path, "diagnostics")
    subjects = {}
    for row in rows:
        subjects.setdefault(row["layer"], set()).add(row["subject"])
    assert subjects["layer1.0.attention"] == {"parameters"}  # the channel half, which has no `attend`
    assert subjects["layer1.0.attention.spatial"] == {"gate", "parameters"}
    model = models.build("se_cbam", ndim=1, in_channels=1, num_classes=2, width=0.125)
    first = {name: name for name, _ in model.named_parameters()}
    own = probe._own_parameters(branch_layers(model), first)
    assert list(own["layer1.0.attention"]) == ["squeeze.weight", "excite.weight"]
    counted = [name for layer in own.values() for name in layer.values()]
    assert len(counted) == len(set(counted))


@pytest.mark.parametrize(("batch", "examples"), [(1, 1), (4, 4), (24, 12)])  # of 12 for training
def test_a_look_has_no_more_examples_than_a_batch(make_study, store, tmp_path, batch, examples):
    run(make_study(**KEYS | {"epochs": 1, "batch_size": batch, "lr": 1e-4}), "odconv", store, tmp_path)
    (rows,) = tables(tmp_path, "diagnostics")
    assert {row["examples"] for row in rows} == {examples}
    compared = {"example_share", "effective_rank", "variation"}
    assert {row["quantity"] for row in rows} & compared == (set() if batch == 1 else compared)


def test_stopped_and_continued_they_are_the_same(make_study, store, tmp_path):
    study = make_study(**KEYS | {"batch_size": 6})
    run(study, "odconv", store, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(study, "odconv", store, tmp_path / "cut", stop=After(5))
    run(study, "odconv", store, tmp_path / "cut")
    assert tables(tmp_path / "cut", "diagnostics") == tables(tmp_path / "whole", "diagnostics")


@pytest.mark.parametrize(("strategy", "stage"), [("ddp", 0), ("deepspeed", 3)])
def test_many_processes_see_the_same(make_study, store, tmp_path, strategy, stage):
    study = make_study(**KEYS | {"epochs": 1, "lr": 1e-4}, zero_stage=stage)
    in_ranks(2, run, study, "odconv", store, tmp_path / "many", strategy=strategy)
    in_ranks(1, run, study, "odconv", store, tmp_path / "one")
    one, many = values(tmp_path / "one"), values(tmp_path / "many")
    assert many == {key: pytest.approx(value, rel=1e-3, abs=1e-5) for key, value in one.items()}


@pytest.mark.parametrize("failure", [torch.OutOfMemoryError("out of memory"), RuntimeError("a layer\nof its own")])
@pytest.mark.parametrize("where", ["_gradients", "__init__", "parameters"])
def test_a_look_that_fails_is_left_out(make_study, store, tmp_path, monkeypatch, failure, where):
    def fails(*args, **options):
        raise failure

    places = {
        "_gradients": (probe.Diagnostics, where),
        "__init__": (probe, "branch_layers"),
        "parameters": (Single, where),
    }
    monkeypatch.setattr(*places[where], fails)
    lines = []
    assert run(make_study(**KEYS), "odconv", store, tmp_path, say=lines.append)["status"] == "ok"
    assert values(tmp_path) == {}
    (line,) = [line for line in lines if "diagnostics" in line]
    assert " ".join(str(failure).split()) in line and "\n" not in line


def test_a_stop_during_a_look_stops(make_study, store, tmp_path, monkeypatch):
    def stops(*args):
        raise Stopped("now")

    monkeypatch.setattr(probe.Diagnostics, "_gradients", stops)
    with pytest.raises(Stopped):
        run(make_study(**KEYS), "odconv", store, tmp_path)


def test_they_fix_no_number(make_study):
    study = make_study()
    blind = study.model_copy(update={"diagnostics": False})
    assert study.diagnostics and study.study_hash == blind.study_hash
    case = "digits", "classification", "odconv"
    assert study.run_hash(*case) == blind.run_hash(*case)


def test_looks_are_bounded_by_the_length_of_the_run(monkeypatch):
    monkeypatch.setattr(schedule, "STEPS", 50)
    for total in (1, 2, 7, 28, 100, 101, 1500):
        for steps in (1, 4, 23, 49, 50, 782):
            looks = schedule.epochs(total, steps)
            assert looks == sorted(set(looks)) and looks[0] >= 1 and looks[-1] == total
            assert len(looks) <= max(1, min(schedule.MOST, total * steps // 50))
    assert schedule.epochs(100, 782) == list(range(1, 101))
    assert schedule.epochs(28, 4) == [1, 28] and schedule.epochs(5, 4) == [5]
