"""What is measured of a layer, where the answer is known."""

import math

import pytest
import torch

from dynconv.engine.diagnostics import kernels, measures
from dynconv.engine.diagnostics.layers import of_layer
from dynconv.models.layers import ODConv2d
from dynconv.models.layers.dynamic import Attentions

F64 = {"dtype": torch.float64}


def by_name(found):
    return {measure.quantity: measure.value for measure in found}


def test_kernels_that_are_chosen():
    same = by_name(measures.of_choice(torch.tensor([[0.7, 0.2, 0.1]] * 6, **F64)))
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert same["entropy"] == pytest.approx(entropy) == same["usage_entropy"]
    assert same["information"] == pytest.approx(0, abs=1e-12) and same["example_share"] == pytest.approx(0)

    own = {m.quantity: m for m in measures.of_choice(torch.eye(3, **F64))}  # each example its own kernel
    assert own["entropy"].value == 0 and own["usage_entropy"].value == pytest.approx(math.log(3))
    assert own["information"].value == pytest.approx(math.log(3)) and own["information"].relative == pytest.approx(1)
    assert own["example_share"].value == pytest.approx(1)

    unnormalised = by_name(measures.of_choice(torch.tensor([[0.14, 0.04, 0.02]] * 6, **F64)))
    assert unnormalised["entropy"] == pytest.approx(entropy)  # a sigmoid's weights count by their shares


def test_gates():
    undecided, decided = torch.full((4, 5), 0.5, **F64), torch.eye(4, **F64)
    assert by_name(measures.of_gates(undecided))["entropy"] == pytest.approx(math.log(2))
    assert math.isnan(by_name(measures.of_gates(undecided))["example_share"])
    assert by_name(measures.of_gates(decided))["entropy"] == 0
    assert "entropy" not in by_name(measures.of_gates(decided * 2))  # no share of anything


def test_the_share_across_examples_is_what_a_constant_cannot_have():
    pattern, example = torch.tensor([0.0, 1, 0, 1], **F64), torch.tensor([0.0, 0, 1, 1], **F64)[:, None]
    nothing = torch.zeros(4, 4, **F64)
    assert measures.example_share(nothing + pattern) == pytest.approx(0)
    assert measures.example_share(nothing + example) == pytest.approx(1)
    assert measures.example_share(pattern + example) == pytest.approx(0.5)
    assert measures.example_share(pattern + 3 * example) == pytest.approx(0.9)


@pytest.mark.parametrize("examples", [2, 4, 16])
def test_what_is_independent_among_few_examples_stays_below_one(examples):
    torch.manual_seed(0)
    shares = [measures.example_share(torch.rand(examples, 4000, **F64)) for _ in range(3)]
    assert sum(shares) / 3 == pytest.approx(1 - 1 / examples, abs=0.02)
    assert by_name(measures.of_kernels(torch.eye(examples, **F64)))["variation"] == pytest.approx(1 - 1 / examples)


def test_one_example_is_compared_with_none():
    one = torch.tensor([[0.7, 0.3]], **F64)
    assert by_name(measures.of_choice(one)).keys() == by_name(measures.of_gates(one)).keys() == {"entropy"}
    assert by_name(measures.of_kernels(one[:, :1])) == {}


def test_kernels_that_are_mixed():
    torch.manual_seed(0)
    orthogonal = torch.linalg.qr(torch.randn(40, 6, **F64))[0].T
    found = by_name(measures.of_kernels(orthogonal @ orthogonal.T))
    assert found["effective_rank"] == pytest.approx(6) and found["variation"] == pytest.approx(5 / 6)
    multiples = torch.arange(1, 7, **F64)[:, None] * orthogonal[:1]
    assert by_name(measures.of_kernels(multiples @ multiples.T))["effective_rank"] == pytest.approx(1, abs=1e-5)
    a = torch.randn(6, 40, **F64)
    values = torch.linalg.svdvals(a) / torch.linalg.svdvals(a).sum()
    found = by_name(measures.of_kernels(a @ a.T))
    assert found["effective_rank"] == pytest.approx(math.exp(-(values * values.log()).sum()))
    assert found["variation"] == pytest.approx(((a - a.mean(0)).square().sum() / a.square().sum()).item())
    assert by_name(measures.of_kernels(a @ a.T * math.nan)) == {}


@pytest.mark.parametrize("chunk", [1, 1 << 20])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("absent", [(), ("kernel",), ("channel", "spatial"), ("filter",)])
def test_the_gram_matrix_is_that_of_the_kernels(monkeypatch, groups, absent, chunk):
    monkeypatch.setattr(kernels, "_ELEMENTS", {"cpu": chunk})
    torch.manual_seed(0)
    examples, n, out, fan = 5, 1 if "kernel" in absent else 3, 4, 2
    sizes = {"channel": groups * fan, "filter": out, "spatial": 9, "kernel": n}
    told = {name: None if name in absent else torch.rand(examples, size, **F64) for name, size in sizes.items()}
    weight = torch.randn(n, out, fan, 3, 3, **F64)
    ones = {name: torch.ones(examples, size, **F64) for name, size in sizes.items()}
    a = {name: ones[name] if part is None else part for name, part in told.items()}
    flat = []
    for b in range(examples):
        kernel = sum(a["kernel"][b, k] * weight[k] for k in range(n)) * a["spatial"][b].view(3, 3)
        channel = a["channel"][b].view(groups, fan).repeat_interleave(out // groups, 0)
        flat.append((kernel * a["filter"][b].view(out, 1, 1, 1) * channel[:, :, None, None]).flatten())
    flat = torch.stack(flat)
    torch.testing.assert_close(kernels.gram(weight, Attentions(**told), groups), flat @ flat.T)


def test_sharpness_does_not_change_with_the_scale_of_a_layer():
    weights, gradients = [torch.randn(3, 4), torch.randn(5)], [torch.randn(3, 4), torch.randn(5)]
    before = by_name(measures.of_parameters(weights, gradients))
    flat = torch.cat([g.flatten() for g in gradients])
    assert before["gradient_norm"] == pytest.approx(flat.norm().item())
    after = by_name(measures.of_parameters([8 * w for w in weights], [g / 8 for g in gradients]))
    assert after["sharpness"] == pytest.approx(before["sharpness"]) != after["gradient_norm"]
    assert by_name(measures.of_parameters([], [])) == {}


def test_the_subjects_of_a_layer():
    layer = ODConv2d(4, 6, 3, padding=1, kernel_num=2).eval()
    seen = {name: part.detach() for name, part in layer.attend(torch.randn(5, 4, 8, 8))._asdict().items()}
    weights = {name: parameter.detach() for name, parameter in layer.named_parameters()}
    found = [(subject, measure.quantity) for subject, measure in of_layer(layer, seen, weights, weights)]
    assert len(found) == len(set(found))
    assert {subject for subject, _ in found} == {"channel", "filter", "spatial", "kernel", "mixed", "parameters"}
    assert {subject for subject, _ in of_layer(layer, {}, weights, weights)} == {"parameters"}  # it was not called
