"""KernelWarehouse against kernels put together by loops in float64, and against the published sizes."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from dynconv import models
from dynconv.errors import DynconvError
from dynconv.models import macs
from dynconv.models.layers.kernel_warehouse import Warehouse, WarehouseConv
from dynconv.models.layers.mixed_cells import aggregate, shared, sharing_pays
from dynconv.models.layers.per_example import Geometry

IMAGENET = {"stem": "imagenet", "num_classes": 1000}


def warehouse(layers, *, budget=1, cell_ratio=1, reduction=1 / 16, warmup=0.5):
    return Warehouse(layers, budget=budget, cell_ratio=cell_ratio, reduction=reduction, warmup=warmup)


def textbook(layer, x):
    """Each example's kernel part by part, each part cell by cell; then an ordinary convolution of that example."""
    attention, cells = layer.attention, layer.warehouse.cells
    n, rows, columns = cells.shape
    hidden = x.flatten(2).mean(2) @ attention.squeeze.weight.T
    if layer.training:
        mean, var = hidden.mean(0), hidden.var(0, unbiased=False)
    else:
        mean, var = attention.bn.running_mean, attention.bn.running_var
    hidden = (hidden - mean) / torch.sqrt(var + attention.bn.eps) * attention.bn.weight + attention.bn.bias
    outputs = []
    for example, h in zip(x, hidden, strict=True):
        scores = (attention.score.weight @ h.clamp(min=0) + attention.score.bias).view(-1, n + 1)
        part, taps = 0, []
        for _ in range(layer.taps):
            blocks = []
            for _ in range(layer.out_channels // rows):
                row = []
                for _ in range(layer.in_channels // columns):
                    z = scores[part]
                    alpha = (1 - attention.tau) * z / (z.abs().sum() + 1e-3)
                    alpha = [a + attention.tau * b for a, b in zip(alpha, attention.initial[part], strict=False)]
                    mixture = sum(a * cell for a, cell in zip(alpha, cells, strict=True))
                    row.append(mixture)
                    part += 1
                blocks.append(torch.cat(row, 1))
            taps.append(torch.cat(blocks))
        kernel_size, stride, padding, dilation = layer.geometry
        size = [kernel_size] * (x.dim() - 2)
        kernel = torch.stack(taps, 2).view(layer.out_channels, layer.in_channels, *size)
        conv = {1: F.conv1d, 2: F.conv2d}[len(size)]
        outputs.append(conv(example[None], kernel, None, stride, padding, dilation))
    return torch.cat(outputs)


# out, kernel, stride, padding, dilation, extent: of a layer that shares with one of 4 -> 4 channels
SHAPES = [(4, 3, 1, 1, 1, 5), (8, 3, 2, 1, 1, 6), (8, 1, 1, 0, 1, 4), (12, 3, 1, 2, 2, 4), (12, 3, 2, 1, 1, 3)]


@pytest.mark.parametrize(("budget", "cell_ratio", "tau"), [(1, 1, 0.0), (2, 1, 0.3), (0.5, 0.5, 0.3), (0.25, 1, 0.0)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_equals_kernels_put_together_by_loops(ndim, shape, budget, cell_ratio, tau):
    torch.manual_seed(0)
    *arguments, extent = shape
    layers = [WarehouseConv(ndim, 4, 4, 3, 1, 1), WarehouseConv(ndim, 4, *arguments)]
    shared, layer = warehouse(layers, budget=budget, cell_ratio=cell_ratio).double(), layers[1].double()
    for training in (True, False):
        layer.train(training).attention.anneal(temperature=1.0, fraction=(1 - tau) / 2)
        assert float(layer.attention.tau) == pytest.approx(tau)
        x = torch.randn(2, 4, *[extent] * ndim, dtype=torch.float64, requires_grad=True)
        wanted, got = textbook(layer, x), layer(x)
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
        weights = torch.randn_like(got)
        inputs = [x, shared.cells, *layer.parameters()]
        for ours, theirs in zip(
            torch.autograd.grad((got * weights).sum(), inputs),
            torch.autograd.grad((wanted * weights).sum(), inputs),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_the_shapes_reach_every_way_to_compute():
    reached = set()
    for (out, kernel, stride, _, _, extent), ndim in itertools.product(SHAPES, (1, 2)):
        positions = (-(-extent // stride)) ** ndim
        for cells in (3 * 3**ndim, 12 * 3**ndim):
            shares = sharing_pays((kernel**ndim, out // 4, 1), (cells, 4, 4), positions)
            reached.add("shared" if shares else "products" if 2 * positions < out else "convolution")
    assert reached == {"shared", "products", "convolution"}


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("geometry", [Geometry(3, 1, 1, 1), Geometry(3, 2, 2, 2), Geometry(1, 2, 0, 1)])
def test_all_ways_are_equal(geometry, ndim):
    torch.manual_seed(0)
    x = torch.randn(2, 6, *[7] * ndim, dtype=torch.float64)
    cells = torch.randn(5, 4, 3, dtype=torch.float64)
    alpha = torch.randn(2, geometry.kernel_size**ndim, 10, 2, 5, dtype=torch.float64)  # 40 filters of 6 channels
    wanted = aggregate(x, alpha, cells, geometry)
    torch.testing.assert_close(shared(x, alpha, cells, geometry).view_as(wanted), wanted, rtol=1e-12, atol=1e-12)


def published(depth, budget, cell_ratio, shortcuts):
    """Parameters of the paper's network by arithmetic; `shortcuts`: those with a stride use the warehouse, too."""
    stages, static, fan_in, norms = [[] for _ in range(4)], 3 * 64 * 49, 64, 64
    counts = {18: [(64, 2), (128, 2), (256, 2), (512, 2)], 50: [(64, 3), (128, 4), (256, 6), (512, 3)]}[depth]
    for stage, (width, blocks) in enumerate(counts):
        for block in range(blocks):
            out = width if depth == 18 else 4 * width
            branch = [(fan_in, width, 9), (width, out, 9)]
            if depth == 50:
                branch = [(fan_in, width, 1), (width, width, 9), (width, out, 1)]
            before = stages[max(stage - 1, 0)] if block == 0 else stages[stage]
            if depth == 50 and stage == block == 0 and shortcuts:
                static += fan_in * width  # the public network keeps its first 1x1 static
            else:
                before.append(branch[0])
            stages[stage].extend(branch[1:])
            norms += sum(shape[1] for shape in branch)
            if block == 0 and fan_in != out:
                norms += out
                if shortcuts and stage > 0:
                    before.append((fan_in, out, 1))
                else:
                    static += fan_in * out
            fan_in = out
    total = static + 2 * norms + fan_in * 1000 + 1000
    for shapes in stages:
        columns, rows = (int(cell_ratio * math.gcd(*[shape[axis] for shape in shapes])) for axis in (0, 1))
        parts = [fan * out * taps // (rows * columns) for fan, out, taps in shapes]
        cells = int(budget * sum(parts))
        total += cells * rows * columns
        for (fan, _, _), m in zip(shapes, parts, strict=True):
            hidden = max(fan // 16, 16)
            total += fan * hidden + 2 * hidden + (hidden + 1) * m * (cells + 1)
    return total


@pytest.mark.parametrize(
    ("depth", "budget", "cell_ratio", "millions"),
    [
        (18, 0.5, 0.5, 7.43),
        (18, 1, 1, 11.93),
        (18, 2, 1, 23.24),
        (18, 4, 1, 45.86),
        (50, 1, 1, 28.05),
        (50, 4, 1, 102.02),
    ],
)
def test_published_parameter_counts(depth, budget, cell_ratio, millions):
    """The figures of the authors' repository; here the shortcuts are static, and the rest is the same to the unit."""
    assert round(published(depth, budget, cell_ratio, shortcuts=True) / 1e6, 2) == millions
    with torch.device("meta"):
        model = models.build("kernel_warehouse", depth=depth, budget=budget, cell_ratio=cell_ratio, **IMAGENET)
    assert sum(p.numel() for p in model.parameters()) == published(depth, budget, cell_ratio, shortcuts=False)


def test_a_layer_starts_as_a_static_convolution():
    torch.manual_seed(0)
    layer = WarehouseConv(2, 4, 8, 3, 1, 1)
    cells = warehouse([layer], budget=2).cells.detach()
    layer.attention.anneal(temperature=1.0, fraction=0.0)
    x = torch.randn(3, 4, 5, 5)
    kernel = torch.stack([cells[2 * tap] for tap in range(9)], 2).view(8, 4, 3, 3)  # the first of two cells a part
    torch.testing.assert_close(layer(x), F.conv2d(x, kernel, padding=1))


@pytest.mark.parametrize(("budget", "cells", "used"), [(1, 27, 27), (3, 81, 27), (1 / 3, 9, 9), (1 / 2, 14, 14)])
def test_no_two_parts_start_from_one_cell(budget, cells, used):
    layers = [WarehouseConv(2, 4, 8, 3), WarehouseConv(2, 4, 4, 3)]
    shared = warehouse(layers, budget=budget)
    initial = torch.cat([layer.attention.initial for layer in layers])
    assert initial.shape == (27, cells) and len(shared.cells) == cells
    assert initial.sum() == used and initial.sum(0).max() == initial.sum(1).max() == 1


def test_cells_are_drawn_like_static_kernels():
    torch.manual_seed(0)
    layers = [WarehouseConv(2, 64, 64, 3), WarehouseConv(2, 64, 128, 3)]
    cells = warehouse(layers).cells.detach()
    assert float(cells[:9].std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert float(cells[9:].std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)


def test_tau_falls_to_zero_at_the_end_of_the_warmup():
    attention = models.build("kernel_warehouse", width=0.125, warmup=0.25).layer1[0].conv1.attention
    taus = []
    for fraction in (0.0, 0.125, 0.25, 1.0):
        attention.anneal(temperature=30.0, fraction=fraction)
        taus.append(float(attention.tau))
    assert taus == [1.0, 0.5, 0.0, 0.0]


def test_shared_cells_have_one_name_and_one_owner():
    model = models.build("kernel_warehouse", width=0.125).eval()
    assert [name for name in model.state_dict() if "cells" in name] == [f"warehouses.{i}.cells" for i in range(4)]
    twin, x = copy.deepcopy(model), torch.randn(2, 3, 16, 16)
    assert twin.layer2[1].conv1.warehouse is twin.warehouses[1]
    doubled = {"warehouses.1.cells": 2 * model.warehouses[1].cells.detach()}
    with torch.no_grad():
        wanted = model(x)
        replaced = torch.func.functional_call(model, doubled, (x,))
        twin.warehouses[1].cells.mul_(2)
        assert torch.equal(twin(x), replaced) and not torch.equal(replaced, wanted)
        assert torch.equal(model(x), wanted)


def test_a_stages_first_convolution_shares_the_cells_of_the_stage_before():
    model = models.build("kernel_warehouse", width=0.125)
    homes = {
        name: [i for i in range(4) if module.warehouse is model.warehouses[i]]
        for name, module in model.named_modules()
        if isinstance(module, WarehouseConv)
    }
    assert {name: home for name, home in homes.items() if name.endswith("0.conv1")} == {
        "layer1.0.conv1": [0], "layer2.0.conv1": [0], "layer3.0.conv1": [1], "layer4.0.conv1": [2],
    }  # fmt: skip
    assert all(home == [int(name[5]) - 1] for name, home in homes.items() if not name.endswith("0.conv1"))


def test_macs_by_hand():
    shape = {"ndim": 1, "in_channels": 1, "num_classes": 3, "width": 1 / 16}  # 4, 8, 16, 32 channels
    static = macs.count(models.build("vanilla", **shape), (1, 256))
    added = means = 0
    stages = [[(4, 4)] * 4 + [(4, 8)], [(8, 8)] * 3 + [(8, 16)], [(16, 16)] * 3 + [(16, 32)], [(32, 32)] * 3]
    for width, shapes in zip((4, 8, 16, 32), stages, strict=True):
        cells = 3 * sum(out // width for _, out in shapes)
        for fan, out in shapes:
            added += 16 * fan + 16 * (3 * out // width) * (cells + 1) + cells * 3 * fan * out
    for channels, positions, convs in ((4, 256, 5), (8, 128, 4), (16, 64, 4), (32, 32, 3)):
        means += channels * positions * convs
    counted = macs.count(models.build("kernel_warehouse", **shape), (1, 256))  # every layer writes its kernels
    assert counted.executed == static.executed + added
    assert counted.theoretical == static.theoretical + added + means


def test_macs_of_a_layer_that_shares():
    layer = WarehouseConv(1, 32, 64, 3, 1, 1)
    warehouse([layer, WarehouseConv(1, 32, 32, 3, 1, 1)])  # 9 cells of 32 x 32
    attention = 32 * 16 + 16 * 6 * 10
    counted = macs.count(layer, (32, 2))
    assert counted.theoretical == 32 * 2 + attention + 9 * 3 * 32 * 64 + 2 * 3 * 32 * 64
    assert counted.executed == attention + 9 * 3 * 2 * 32 * 2 + 9 * 32 * 64 * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 1.5}, "budget is 1.5; valid: k or 1 / k for an integer k"),
        ({"budget": 0}, "budget is 0; valid: a number above 0"),
        ({"cell_ratio": 2}, "cell_ratio is 2; valid: a number above 0 and at most 1"),
        ({"warmup": 0}, "warmup is 0; valid: a number above 0 and at most 1"),
        ({"width": 0.3}, r"layers of \[38, 77\] channels share no cell; valid: a width at which"),
    ],
)
def test_errors_say_what_is_valid(options, message):
    with pytest.raises(DynconvError, match=message) as caught:
        models.build("kernel_warehouse", **options)
    assert "\n" not in str(caught.value)
