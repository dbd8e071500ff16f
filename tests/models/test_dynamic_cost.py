"""The cost model of dynamic convolutions against the times that were measured (benchmarks/odconv/forms.csv)."""

import statistics
import sys

import pytest
import torch
from checkout import ROOT

from dynconv.models.layers import ODConv2d
from dynconv.models.layers.dynamic import FORMS, conv, cost
from dynconv.models.layers.dynamic.geometry import Geometry

sys.path.insert(0, str(ROOT / "benchmarks/odconv"))
from fit import read, work_of

ROWS = read(ROOT / "benchmarks/odconv/forms.csv")


def predicted(row, form):
    return 1e3 * work_of(row, form).seconds(cost.CPU[form])


def chosen(row):
    return min(FORMS, key=lambda form: predicted(row, form))


def loss(row, form):
    """Time of a form over that of the fastest."""
    return row[form] / min(row[other] for other in FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_times_are_predicted(form):
    errors = [abs(predicted(row, form) / row[form] - 1) for row in ROWS]
    assert len(ROWS) > 200 and statistics.median(errors) < 0.2 and sorted(errors)[int(0.9 * len(errors))] < 0.6


def test_the_choice_costs_little_and_no_single_form_would_do():
    losses = [loss(row, chosen(row)) for row in ROWS]
    assert statistics.mean(losses) < 1.05 and max(losses) < 2
    assert all(statistics.mean(loss(row, form) for row in ROWS) > 1.5 for form in FORMS)
    assert {chosen(row) for row in ROWS} == set(FORMS)


def test_auto_takes_the_predicted_form(monkeypatch):
    taken = []
    for form in FORMS:
        module = getattr(conv, form)

        def spy(*arguments, form=form, whole=module.convolve):
            taken.append(form)
            return whole(*arguments)

        monkeypatch.setattr(module, "convolve", spy)
    for channels, extent, batch, kernels in ((8, 32, 4, 1), (64, 2, 4, 1), (64, 8, 2, 4), (16, 4, 16, 4)):
        layer = ODConv2d(channels, channels, 3, padding=1, kernel_num=kernels)
        layer(torch.randn(batch, channels, extent, extent))
        at = Geometry((extent, extent), (3, 3), (1, 1), (1, 1), (1, 1), 1)
        assert taken.pop() == cost.cheapest(batch, kernels, channels, channels, at, "cpu") and not taken


def test_groups_and_gpus():
    at = Geometry((4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 2)
    assert cost.cheapest(16, 4, 64, 32, at, "cpu") == cost.cheapest(16, 4, 64, 32, at, "cuda") == "direct"
    wide, small = at._replace(groups=1, size=(32, 32)), at._replace(groups=1, size=(2, 2))
    assert cost.cheapest(64, 4, 512, 512, wide, "cuda") == "mixed"
    assert cost.cheapest(64, 4, 512, 512, small, "cuda") == cost.cheapest(64, 1, 512, 512, wide, "cuda") == "shared"
