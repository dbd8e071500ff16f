"""The attention layers against plain formulations with loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from dynconv import models
from dynconv.models.blocks import ConvShape
from dynconv.models.layers import ChannelGate, SpatialGate, SpatialMask
from dynconv.models.layers.active import branch_macs
from dynconv.models.layers.one_map_conv import ONE_MAP_CONV
from dynconv.models.layers.spatial_mask import executed_fraction, masks


def batch(ndim, channels=8, extent=6):
    torch.manual_seed(0)
    return torch.randn(3, channels, *[extent] * ndim, dtype=torch.float64)


@pytest.mark.parametrize("ndim", [1, 2])
def test_channel_gate(ndim):
    x, gate = batch(ndim, channels=128), ChannelGate(128, reduction=16).double()
    assert gate.squeeze.out_features == 8 and ChannelGate(8).squeeze.out_features == 4
    for image, got in zip(x, gate(x), strict=True):
        hidden = (gate.squeeze.weight @ image.flatten(1).mean(1)).clamp(min=0)
        weights = 1 / (1 + torch.exp(-(gate.excite.weight @ hidden)))
        for channel, weight, result in zip(image, weights, got, strict=True):
            torch.testing.assert_close(result, channel * weight)


def test_spatial_gate():
    x, gate = batch(2, extent=5), SpatialGate(2, kernel_size=3).double()
    got = gate(x)
    maps = F.pad(torch.stack([x.mean(1), x.max(1).values], 1), (1, 1, 1, 1))
    for b in range(3):
        for i in range(5):
            for j in range(5):
                logit = (gate.conv.weight[0] * maps[b, :, i : i + 3, j : j + 3]).sum()
                torch.testing.assert_close(got[b, :, i, j], x[b, :, i, j] / (1 + torch.exp(-logit)))


def test_spatial_gate_in_one_dimension():
    x, gate = batch(1, extent=5), SpatialGate(1, kernel_size=3).double()
    maps = F.pad(torch.stack([x.mean(1), x.max(1).values], 1), (1, 1))
    logits = torch.stack([(gate.conv.weight[0] * maps[:, :, i : i + 3]).sum((1, 2)) for i in range(5)], 1)
    torch.testing.assert_close(gate(x), x * torch.sigmoid(logits)[:, None])


@pytest.mark.parametrize(("ndim", "extent"), [(1, 5), (1, 40), (2, 4), (2, 7)])  # few positions and many
def test_spatial_gate_gradients(ndim, extent):
    """First and second derivatives, and those of torch's own operations, also where channels share the maximum."""
    x, gate = batch(ndim, channels=3, extent=extent)[:2].requires_grad_(), SpatialGate(ndim, 3).double()

    def ours(x, weight):
        return torch.func.functional_call(gate, {"conv.weight": weight}, (x,))

    def plain(x, weight):
        conv = F.conv1d if ndim == 1 else F.conv2d
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(conv(maps, weight, padding=1))

    weight = gate.conv.weight
    assert torch.autograd.gradcheck(ours, (x, weight), fast_mode=True)
    assert torch.autograd.gradgradcheck(ours, (x, weight), fast_mode=True)
    tied = torch.cat([x.detach(), x.detach()], 1).requires_grad_()
    for got, wanted in zip(
        torch.autograd.grad(ours(tied, weight).sin().sum(), (tied, weight)),
        torch.autograd.grad(plain(tied, weight).sin().sum(), (tied, weight)),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted)
    weights = torch.stack([weight, -weight]).detach()
    by_weight = torch.func.vmap(ours, (None, 0))(x.detach(), weights)
    torch.testing.assert_close(by_weight[1], plain(x, -weight))


@pytest.mark.parametrize(("channels", "kernel_size"), [(16, 3), (4, 3), (7, 5)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ndim", [1, 2])
def test_convolution_to_one_map(ndim, stride, channels, kernel_size):
    x = batch(ndim, channels, extent=7).requires_grad_()
    layer = ONE_MAP_CONV[ndim](channels, kernel_size, stride).double()
    conv = F.conv1d if ndim == 1 else F.conv2d
    got, wanted = layer(x), conv(x, layer.weight, stride=stride, padding=kernel_size // 2)
    torch.testing.assert_close(got, wanted)
    for ours, theirs in zip(
        torch.autograd.grad(got.sin().sum(), (x, layer.weight)),
        torch.autograd.grad(wanted.sin().sum(), (x, layer.weight)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def basic(channels=8, out=8, stride=1, dilation=1):
    return [
        ConvShape(channels, out, 3, stride, dilation, dilation),
        ConvShape(out, out, 3, 1, dilation, dilation),
    ]


def bottleneck(stride=1):
    return [ConvShape(8, 4, 1, 1, 0, 1), ConvShape(4, 4, 3, stride, 1, 1), ConvShape(4, 16, 1, 1, 0, 1)]


def logits_of(unit, x):
    conv = F.conv1d if x.dim() == 3 else F.conv2d
    local = conv(x, unit.conv.weight, stride=unit.stride, padding=1)
    return local + (x.flatten(2).mean(2) @ unit.squeeze.weight.T + unit.squeeze.bias).view(-1, *[1] * (x.dim() - 1))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ndim", [1, 2])
def test_mask_is_the_sign_of_its_logits_in_evaluation(ndim, stride):
    x = batch(ndim, extent=7)
    unit = SpatialMask(ndim, basic(stride=stride)).double().eval()
    mask = unit(x)
    assert mask.shape == (3, 1, *[-(-7 // stride)] * ndim)
    assert torch.equal(mask, (logits_of(unit, x) > 0).double())
    assert 0 < mask.mean() < 1


def test_noise_is_logistic_and_stops():
    torch.manual_seed(0)
    unit = SpatialMask(2, basic()).train()
    x = torch.randn(64, 8, 16, 16)
    torch.nn.init.zeros_(unit.conv.weight)
    torch.nn.init.zeros_(unit.squeeze.weight)
    torch.nn.init.constant_(unit.squeeze.bias, 1.0)
    # A position is on where 1 + logistic noise > 0: probability sigmoid(1).
    assert float(unit(x).detach().mean()) == pytest.approx(1 / (1 + math.exp(-1)), abs=0.01)
    unit.anneal(temperature=1.0, fraction=0.79)
    assert float(unit(x).detach().mean()) < 1
    unit.anneal(temperature=1.0, fraction=0.8)
    assert float(unit(x).detach().mean()) == 1


def test_gradient_is_the_sigmoids():
    unit = SpatialMask(1, basic()).double().eval()
    x, weights = batch(1), torch.randn(3, 1, 6, dtype=torch.float64)
    ours = torch.autograd.grad((unit(x) * weights).sum(), unit.squeeze.bias)[0]
    theirs = torch.autograd.grad((torch.sigmoid(logits_of(unit, x)) * weights).sum(), unit.squeeze.bias)[0]
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "shapes", [basic(), basic(stride=2, out=12), basic(dilation=2), bottleneck(), bottleneck(stride=2)]
)
@pytest.mark.parametrize("ndim", [1, 2])
def test_executed_macs_are_those_that_the_masked_output_depends_on(ndim, shapes):
    """Position by position: which outputs of each convolution does a masked output depend on?"""
    torch.manual_seed(0)
    extent = 7
    sizes = [extent]
    for shape in shapes:
        sizes.append(-(-sizes[-1] // shape.stride))
    mask = (torch.rand(2, 1, *[sizes[-1]] * ndim) > 0.7).float()
    executed, total = branch_macs(mask, shapes, [extent] * ndim)
    conv = {1: F.conv1d, 2: F.conv2d}[ndim]
    for b in range(2):
        expected, expected_total = 0, 0
        for index, shape in enumerate(shapes):
            probe = torch.zeros(1, 1, *[sizes[index + 1]] * ndim, requires_grad=True)
            y = probe
            for later in shapes[index + 1 :]:
                ones = torch.ones(1, 1, *[later.kernel_size] * ndim)
                y = conv(y, ones, None, later.stride, later.padding, later.dilation)
            reached = torch.autograd.grad((y * mask[b : b + 1]).sum(), probe)[0] > 0
            macs = shape.in_channels * shape.out_channels * shape.kernel_size**ndim
            expected += macs * int(reached.sum())
            expected_total += macs * reached.numel()
        assert int(executed[b]) == expected and total == expected_total


@pytest.mark.parametrize(("fraction", "p"), [(0.0, 1.0), (1 / 6, 0.5), (0.5, 0.0)])
def test_budget_loss(fraction, p):
    torch.manual_seed(0)
    budget = 0.3
    model = models.build("hard_attention", ndim=1, in_channels=1, num_classes=2, width=0.125, budget=budget)
    models.anneal(model, temperature=1.0, fraction=fraction)
    model(torch.randn(4, 1, 33))
    units = masks(model)
    shares = [float(unit.executed.detach().mean()) / unit.maskable for unit in units]
    whole = sum(float(unit.executed.detach().mean()) for unit in units) / sum(unit.maskable for unit in units)
    low, high = p * budget, 1 - p * (1 - budget)
    outside = [max(0.0, share - high) ** 2 + max(0.0, low - share) ** 2 for share in shares]
    wanted = 10 * ((whole - budget) ** 2 + sum(outside) / len(outside))
    assert float(models.auxiliary_loss(model).detach()) == pytest.approx(wanted, rel=1e-4)
    measured = models.measures(model)["executed_fraction"]
    assert measured.shape == (4,) and float(measured.mean()) == pytest.approx(whole, rel=1e-4)


def test_the_loss_brings_the_network_to_its_budget():
    torch.manual_seed(0)
    model = models.build("hard_attention", ndim=1, in_channels=1, num_classes=2, width=0.125, budget=0.25)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    x = torch.randn(8, 1, 24)
    for step in range(60):
        models.anneal(model, temperature=1.0, fraction=step / 60)
        model(x)
        optimiser.zero_grad()
        models.auxiliary_loss(model).backward()
        optimiser.step()
    model.eval()(x)
    assert float(executed_fraction(model).detach().mean()) == pytest.approx(0.25, abs=0.1)


def test_a_masked_block_passes_its_input_where_the_mask_is_zero():
    model = models.build("hard_attention", ndim=2, width=0.125).eval()
    block = model.layer1[1]
    torch.nn.init.zeros_(block.mask.squeeze.weight)
    torch.nn.init.zeros_(block.mask.conv.weight)
    x = torch.rand(2, 8, 5, 5)
    torch.nn.init.constant_(block.mask.squeeze.bias, -1.0)
    assert torch.equal(block(x), x)
    torch.nn.init.constant_(block.mask.squeeze.bias, 1.0)
    assert not torch.equal(block(x), x)


def test_no_measure_before_a_forward_pass():
    model = models.build("hard_attention", width=0.125)
    with pytest.raises(RuntimeError, match="after a forward pass"):
        models.auxiliary_loss(model)
