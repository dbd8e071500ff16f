"""CondConv and DyConv against the formulas of their papers, written out example by example in float64."""

import pytest
import torch
import torch.nn.functional as F

from dynconv.errors import DynconvError
from dynconv.models.layers import CondConv1d, CondConv2d, DyConv1d, DyConv2d

LAYERS = {
    ("condconv", 1): CondConv1d,
    ("condconv", 2): CondConv2d,
    ("dyconv", 1): DyConv1d,
    ("dyconv", 2): DyConv2d,
}
TEMPERATURE = 2.0


def routing(layer, mean):
    """CondConv: r_i = sigmoid(sum_c mean_c R_ci)."""
    return [1 / (1 + torch.exp(-(row * mean).sum())) for row in layer.attention.fc.weight]


def attention(layer, mean):
    """DyConv: pi_k = exp(z_k / T) / sum_j exp(z_j / T)."""
    if layer.kernel_num == 1:
        return [torch.ones((), dtype=mean.dtype)]
    squeeze, excite = layer.attention.squeeze, layer.attention.excite
    hidden = [(row * mean).sum().clamp(min=0) for row in squeeze.weight]
    logits = [sum(w * h for w, h in zip(row, hidden, strict=True)) for row in excite.weight]
    powers = [torch.exp((z + b) / TEMPERATURE) for z, b in zip(logits, excite.bias, strict=True)]
    return [power / sum(powers) for power in powers]


def textbook(layer, x):
    """One kernel for one example, then one ordinary convolution."""
    conv, weights = {3: F.conv1d, 4: F.conv2d}[x.dim()], {"condconv": routing, "dyconv": attention}[layer.name]
    outputs = []
    for example in x:
        mean = torch.stack([channel.sum() / channel.numel() for channel in example])
        kernel = sum(a * w for a, w in zip(weights(layer, mean), layer.weight, strict=True))
        outputs.append(conv(example[None], kernel, None, layer.stride, layer.padding, layer.dilation, layer.groups))
    return torch.cat(outputs)


# in, out, kernel, stride, padding, dilation, groups, extent
SHAPES = [
    (4, 6, 3, 1, 1, 1, 1, 7),
    (3, 40, 3, 2, 1, 1, 1, 4),  # more filters than positions
    (4, 6, 3, 2, 2, 2, 2, 9),
    (6, 6, 3, 1, 1, 1, 6, 5),  # depth-wise
    (4, 40, 1, 2, 0, 1, 1, 3),
]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kernel_num", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "ndim"), LAYERS)
def test_equals_the_textbook(name, ndim, shape, kernel_num, batch):
    torch.manual_seed(0)
    *arguments, extent = shape
    layer = LAYERS[name, ndim](*arguments, kernel_num=kernel_num).double()
    for parameter in layer.attention.parameters():
        torch.nn.init.normal_(parameter)
    if name == "dyconv":
        layer.anneal(temperature=TEMPERATURE, fraction=0.0)
    x = torch.randn(batch, shape[0], *[extent] * ndim, dtype=torch.float64, requires_grad=True)
    wanted, got = textbook(layer, x), layer(x)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)
    inputs, weights = [x, *layer.parameters()], torch.randn_like(got)
    ours = torch.autograd.grad((got * weights).sum(), inputs)
    theirs = torch.autograd.grad((wanted * weights).sum(), inputs)
    for name_, one, other in zip(["x", *dict(layer.named_parameters())], ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10, msg=lambda m, n=name_: f"{n}: {m}")


@pytest.mark.parametrize("ndim", [1, 2])
def test_parameters(ndim):
    def shapes(layer):
        return {name: list(value.shape) for name, value in layer.state_dict().items()}

    kernel = [3] * ndim
    assert shapes(LAYERS["condconv", ndim](32, 64, 3)) == {
        "weight": [8, 64, 32, *kernel],
        "attention.fc.weight": [8, 32],
    }
    assert shapes(LAYERS["dyconv", ndim](32, 64, 3)) == {
        "weight": [4, 64, 32, *kernel],
        "attention.squeeze.weight": [16, 32],
        "attention.excite.weight": [4, 16],
        "attention.excite.bias": [4],
    }
    assert shapes(LAYERS["dyconv", ndim](80, 8, 3))["attention.squeeze.weight"] == [20, 80]


@pytest.mark.parametrize("layer", [CondConv2d, DyConv2d])
def test_each_kernel_begins_as_a_static_one(layer):
    torch.manual_seed(0)
    wanted = (2 / (128 * 9)) ** 0.5
    for kernel in layer(64, 128, 3).weight:
        assert float(kernel.detach().std()) == pytest.approx(wanted, rel=0.02)


def test_the_routing_begins_unsaturated():
    torch.manual_seed(0)
    layer = CondConv2d(512, 4, 1)
    routing = layer.attention.fc.weight.detach()
    assert float(routing.abs().max()) <= (6 / (512 + 8)) ** 0.5
    x = torch.randn(16, 512, 4, 4).relu()  # what a block reads
    weights = layer.attend(x).kernel.detach()
    assert float(weights.min()) > 0.1 and float(weights.max()) < 0.9


def test_one_expert_is_gated_and_one_kernel_is_a_static_convolution():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 5, 5)
    gated, plain = CondConv2d(4, 6, 3, kernel_num=1), DyConv2d(4, 6, 3, kernel_num=1)
    torch.nn.init.zeros_(gated.attention.fc.weight)
    torch.testing.assert_close(gated(x), F.conv2d(x, gated.weight[0]) / 2)
    torch.testing.assert_close(plain(x), F.conv2d(x, plain.weight[0]))
    assert [name for name, _ in plain.named_parameters()] == ["weight"]
    assert plain.macs(x, plain(x)) == 6 * 4 * 9 * 9


def test_the_temperature_makes_the_attention_uniform_and_stays_in_place():
    torch.manual_seed(0)
    layer = DyConv2d(8, 8, 3)
    x, before = torch.randn(3, 8, 5, 5), layer.temperature
    sharp = layer.attend(x).kernel.detach()
    layer.anneal(temperature=30.0, fraction=0.0)
    uniform = layer.attend(x).kernel.detach()
    assert before is layer.temperature and float(before) == 30 and "temperature" not in layer.state_dict()
    torch.testing.assert_close(uniform.sum(1), torch.ones(3))
    assert float((uniform - 1 / 4).abs().max()) < float((sharp - 1 / 4).abs().max()) / 10


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (CondConv2d, {"kernel_num": 0}, "condconv: kernel_num is 0; valid: an integer of at least 1"),
        (DyConv2d, {"kernel_num": 2.0}, "dyconv: kernel_num is 2.0; valid: an integer of at least 1"),
        (DyConv2d, {"reduction": 0}, "dyconv: reduction is 0; valid: a number above 0 and at most 1"),
        (DyConv2d, {"form": "fast"}, "dyconv: form is 'fast'; valid: .*auto"),
    ],
)
def test_wrong_options(layer, options, message):
    with pytest.raises(DynconvError, match=message):
        layer(8, 8, 3, **options)
