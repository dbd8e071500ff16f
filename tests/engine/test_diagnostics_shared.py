"""Layers that share parameters, as a variant's `finish` may tie them, are looked at like others."""

import dataclasses
import functools
import math

import pytest
from ranks import in_ranks
from test_diagnostics import KEYS, run, tables, values

from dynconv.models.variants import odconv, vanilla


def whole_layer(backbone):
    backbone.layer1[1].conv2 = backbone.layer1[0].conv2


def weight(backbone):
    backbone.layer1[1].conv2.weight = backbone.layer1[0].conv2.weight


def tied(monkeypatch, variant, tie):
    build = variant.build

    @functools.wraps(build)
    def shares(*args, **options):
        return dataclasses.replace(build(*args, **options), finish=tie)

    monkeypatch.setattr(variant, "build", shares)


@pytest.mark.parametrize("tie", [whole_layer, weight])
@pytest.mark.parametrize("variant", [vanilla, odconv])
def test_shared_parameters_are_those_of_each_layer(make_study, store, tmp_path, monkeypatch, variant, tie):
    tied(monkeypatch, variant, tie)
    name, lines = variant.__name__.rsplit(".", 1)[1], []
    study = make_study(**KEYS | {"epochs": 1})
    assert run(study, name, store, tmp_path / "with", say=lines.append)["status"] == "ok"
    assert not [line for line in lines if "diagnostics" in line]
    blind = study.model_copy(update={"diagnostics": False})
    run(blind, name, store, tmp_path / "without")
    assert tables(tmp_path / "with", "metrics") == tables(tmp_path / "without", "metrics")

    found = values(tmp_path / "with")
    assert found and all(math.isfinite(value) for value in found.values())
    first, second = (
        {key[2:]: value for key, value in found.items() if key[1] == f"layer1.{block}.conv2"} for block in (0, 1)
    )
    assert first["parameters", "gradient_norm"] > 0
    if tie is whole_layer:  # one layer, with one name
        assert not second
    elif variant is vanilla:  # two layers, each with all of the weight's gradient
        assert second == first
    else:  # with attentions of their own
        assert second.keys() == first.keys() and second != first


def run_tied(*args, **options):
    with pytest.MonkeyPatch.context() as monkeypatch:
        tied(monkeypatch, vanilla, weight)
        return run(*args, **options)


def test_shared_parameters_that_are_cut_among_processes(make_study, store, tmp_path):
    study = make_study(**KEYS | {"epochs": 1, "lr": 1e-4}, zero_stage=3)
    in_ranks(2, run_tied, study, "vanilla", store, tmp_path / "many", strategy="deepspeed")
    in_ranks(1, run_tied, study, "vanilla", store, tmp_path / "one")
    one, many = values(tmp_path / "one"), values(tmp_path / "many")
    assert many == {key: pytest.approx(value, rel=1e-3, abs=1e-5) for key, value in one.items()}
