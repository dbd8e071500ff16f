"""Deformable convolution against bilinear sampling written out position by position in float64."""

import itertools
import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from dynconv import models
from dynconv.errors import DynconvError
from dynconv.models import macs
from dynconv.models.layers.deformable import DeformableConv

IMAGENET = {"stem": "imagenet", "num_classes": 1000}
CONV = {1: F.conv1d, 2: F.conv2d}


def value(image, position):
    """x(p) = sum_q G(q, p) x(q) over the positions of the image, G the product of max(0, 1 - |q - p|) over the axes."""
    total = torch.zeros(len(image), dtype=image.dtype)
    for q in itertools.product(*map(range, image.shape[1:])):
        near = [(1 - (coordinate - p).abs()).clamp(min=0) for coordinate, p in zip(q, position, strict=True)]
        total = total + math.prod(near) * image[(slice(None), *q)]
    return total


def textbook(layer, x):
    ndim, taps = layer.ndim, layer.taps
    size = layer.weight.shape[2:]
    fields = CONV[ndim](x, layer.fields.weight, layer.fields.bias, layer.stride, layer.padding, layer.dilation)
    y = []
    for image, field in zip(x, fields, strict=True):
        for p in itertools.product(*map(range, fields.shape[2:])):
            total = 0
            for n, tap in enumerate(itertools.product(*map(range, size))):
                position = [
                    a * layer.stride - layer.padding + b * layer.dilation + field[(ndim * n + axis, *p)]
                    for axis, (a, b) in enumerate(zip(p, tap, strict=True))
                ]
                modulation = torch.sigmoid(field[(ndim * taps + n, *p)]) if layer.modulated else 1
                total = total + modulation * (layer.weight[(slice(None), slice(None), *tap)] @ value(image, position))
            y.append(total)
    return torch.stack(y).view(len(x), *fields.shape[2:], -1).movedim(-1, 1)


# kernel, stride, padding, dilation, extent
SHAPES = [(3, 1, 1, 1, 4), (3, 2, 1, 1, 5), (3, 1, 2, 2, 4), (1, 1, 0, 1, 3), (2, 2, 0, 1, 5)]


@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_equals_sampling_position_by_position(ndim, shape, modulated):
    torch.manual_seed(0)
    *arguments, extent = shape
    layer = DeformableConv(ndim, 3, 4, *arguments, modulated=modulated).double()
    torch.nn.init.normal_(layer.fields.weight, std=0.3)
    torch.nn.init.normal_(layer.fields.bias)  # offsets of a few positions, some of them outside of the image
    x = torch.randn(2, 3, *[extent + axis for axis in range(ndim)], dtype=torch.float64, requires_grad=True)
    wanted, got = textbook(layer, x), layer(x)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    weights = torch.randn_like(got)
    inputs = [x, *layer.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad((got * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
def test_starts_as_the_plain_convolution(ndim, modulated):
    torch.manual_seed(0)
    layer = DeformableConv(ndim, 4, 6, 3, 2, 2, 2, modulated=modulated).double()
    x = torch.randn(2, 4, *[9] * ndim, dtype=torch.float64)
    plain = CONV[ndim](x, layer.weight, None, 2, 2, 2)
    torch.testing.assert_close(layer(x), plain / 2 if modulated else plain)


def test_a_whole_offset_reads_the_neighbour():
    layer = DeformableConv(1, 1, 1, 1, modulated=False)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.constant_(layer.fields.bias, 2.0)
    assert torch.equal(layer(torch.arange(5.0).view(1, 1, 5)).flatten(), torch.tensor([2.0, 3, 4, 0, 0]))


@pytest.mark.parametrize("ndim", [1, 2])
def test_a_new_network_is_vanilla(ndim):
    torch.manual_seed(0)
    shape = {"ndim": ndim, "in_channels": 1, "width": 0.125, "depth": 50}
    plain = models.build("vanilla", **shape).eval()
    model = models.build("deformable", modulated=False, stages=4, **shape).eval()
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert unexpected == [] and len(missing) == 2 * 16 and all(".conv2.fields." in name for name in missing)
    x = torch.randn(2, 1, *[19] * ndim)
    with torch.no_grad():
        torch.testing.assert_close(model(x), plain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("stages", [1, 3, 4])
@pytest.mark.parametrize(("modulated", "fields"), [(False, 18), (True, 27)])
def test_the_papers_extra_parameters(modulated, fields, stages, depth):
    """A 3x3 layer of C channels has a 3x3 convolution more, to 2K (2017) or 3K (2018) channels, K = 9."""
    with torch.device("meta"):
        plain = models.build("vanilla", depth=depth, **IMAGENET)
        model = models.build("deformable", depth=depth, modulated=modulated, stages=stages, **IMAGENET)
    inputs = {
        18: [[64] * 4, [64, *[128] * 3], [128, *[256] * 3], [256, *[512] * 3]],
        50: [[64] * 3, [128] * 4, [256] * 6, [512] * 3],
    }[depth]
    extra = sum(fields * (9 * channels + 1) for channels in itertools.chain(*inputs[-stages:]))
    count = [sum(p.numel() for p in network.parameters()) for network in (plain, model)]
    assert count[1] - count[0] == extra


@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
def test_macs_by_hand(ndim, modulated):
    model = models.build("deformable", ndim=ndim, width=1 / 16, stages=1, modulated=modulated).eval()
    x = torch.randn(1, 3, *[16] * ndim)
    static = macs.count(models.build("vanilla", ndim=ndim, width=1 / 16), x.shape[1:])
    taps, positions = 3**ndim, 2**ndim  # the last stage: 16 / 8 positions on each axis; inputs of 16, 32, 32, 32
    fields = taps * (ndim + modulated) * taps * (16 + 3 * 32) * positions
    read = taps * (16 + 3 * 32) * positions * (2**ndim + modulated)
    counted = macs.count(model, x.shape[1:])
    assert counted.executed == static.executed + fields
    assert counted.theoretical == static.theoretical + fields + read


def test_mixed_precision_reads_where_fp32_does():
    torch.manual_seed(0)
    layer = DeformableConv(1, 1, 1, 1, modulated=False)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.constant_(layer.fields.bias, 0.5)
    x = torch.arange(600.0).remainder(2).view(1, 1, 600)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x.bfloat16())
    assert y.dtype == torch.bfloat16 and torch.equal(y[0, 0, :-1], torch.full((599,), 0.5, dtype=torch.bfloat16))


def test_torchvision_waits_for_the_first_forward_pass():
    code = (
        "import sys; from dynconv import models; models.build('deformable', width=.125); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": 5}, "stages is 5; valid: 1, 2, 3, 4"),
        ({"stages": True}, "stages is True"),
        ({"modulated": "v2"}, "modulated is 'v2'; valid: true or false"),
    ],
)
def test_errors_say_what_is_valid(options, message):
    with pytest.raises(DynconvError, match=message):
        models.build("deformable", **options)
