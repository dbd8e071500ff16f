"""Published checkpoints load: names and shapes are those of the authors' code (github.com/OSVAI/ODConv)."""

import pytest
import textbook
import torch
from odconv_cases import LAYER, assert_equal, example

from dynconv import models
from dynconv.models import resnet
from dynconv.models.variants import odconv

STAGES = (64, 128, 256, 512)


def batch_norm(name, channels):
    shapes = {f"{name}.{part}": [channels] for part in ("weight", "bias", "running_mean", "running_var")}
    return {**shapes, f"{name}.num_batches_tracked": []}


def layer(name, channels, filters, n, ndim=2, kernel_size=3):
    """The published layer: an `nn.Conv2d` for each head that there is something to choose for."""
    hidden, ones, size = max(channels // 16, 16), [1] * ndim, [kernel_size] * ndim
    heads = {"channel": channels, "filter": filters}
    heads |= {"spatial": kernel_size**ndim} if kernel_size > 1 else {}
    heads |= {"kernel": n} if n > 1 else {}
    shapes = {f"{name}.weight": [n, filters, channels, *size]}
    shapes |= {f"{name}.attention.fc.weight": [hidden, channels, *ones]}
    shapes |= batch_norm(f"{name}.attention.bn", hidden)
    for head, width in heads.items():
        shapes |= {f"{name}.attention.{head}_fc.weight": [width, hidden, *ones]}
        shapes |= {f"{name}.attention.{head}_fc.bias": [width]}
    return shapes


def basic_block(name, channels, filters, n):
    """Two layers, two batch norms and, where the shape changes, a static 1x1 convolution with a batch norm."""
    shapes = layer(f"{name}.conv1", channels, filters, n) | batch_norm(f"{name}.bn1", filters)
    shapes |= layer(f"{name}.conv2", filters, filters, n) | batch_norm(f"{name}.bn2", filters)
    if channels != filters:
        shapes |= {f"{name}.downsample.0.weight": [filters, channels, 1, 1]}
        shapes |= batch_norm(f"{name}.downsample.1", filters)
    return shapes


def bottleneck(name, channels, filters, n):
    """Three layers, the 1x1 ones dynamic too."""
    shapes = layer(f"{name}.conv1", channels, filters, n, kernel_size=1) | batch_norm(f"{name}.bn1", filters)
    shapes |= layer(f"{name}.conv2", filters, filters, n) | batch_norm(f"{name}.bn2", filters)
    shapes |= layer(f"{name}.conv3", filters, 4 * filters, n, kernel_size=1) | batch_norm(f"{name}.bn3", 4 * filters)
    if channels != 4 * filters:
        shapes |= {f"{name}.downsample.0.weight": [4 * filters, channels, 1, 1]}
        shapes |= batch_norm(f"{name}.downsample.1", 4 * filters)
    return shapes


def network(block, depths, expansion, n):
    shapes, channels = {"conv1.weight": [64, 3, 7, 7], **batch_norm("bn1", 64)}, 64
    for stage, (filters, depth) in enumerate(zip(STAGES, depths, strict=True), start=1):
        for index in range(depth):
            shapes |= block(f"layer{stage}.{index}", channels, filters, n)
            channels = expansion * filters
    return {**shapes, "fc.weight": [1000, channels], "fc.bias": [1000]}


def shapes_of(module):
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def checkpoint(shapes):
    """A state as if trained: no variance is negative, all else is noise."""
    torch.manual_seed(5)
    state = {name: torch.randn(shape, dtype=torch.float64) / 2 for name, shape in shapes.items()}
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.abs_().add_(0.1)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1000)
    return state


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("ndim", [1, 2])
def test_a_layer(ndim, kernel_size, n):
    """It loads strictly and then computes what the formula makes of the file's numbers."""
    state = checkpoint(layer("conv", 32, 24, n, ndim, kernel_size))
    state = {name.removeprefix("conv."): tensor for name, tensor in state.items()}
    ours = LAYER[ndim](32, 24, kernel_size, 2, kernel_size // 2, kernel_num=n).double().eval()
    assert shapes_of(ours) == {name: list(tensor.shape) for name, tensor in state.items()}
    ours.load_state_dict(state, strict=True)
    x = example(2, 32, *[5, 7][:ndim], requires_grad=False)
    wanted = textbook.odconv(state, x, stride=2, padding=kernel_size // 2)
    assert_equal({"y": ours(x).detach()}, {"y": wanted})


@pytest.mark.parametrize(("channels", "filters"), [(64, 64), (64, 128)])
def test_a_basic_block(channels, filters):
    """Batch norm, ReLU and shortcut written out around the formula."""
    state = checkpoint(basic_block("layer.0", channels, filters, 4))
    state = {name.removeprefix("layer.0."): tensor for name, tensor in state.items()}
    stride = filters // channels
    block = resnet.Block(resnet.branch(18, channels, filters, stride, 1), odconv.build(2, kernel_num=4), 2)
    block.double().eval().load_state_dict(state, strict=True)

    def part(name):
        return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}

    def normalised(name, x):
        p = part(name)
        return torch.nn.functional.batch_norm(x, p["running_mean"], p["running_var"], p["weight"], p["bias"])

    x = example(2, channels, 5, 7, requires_grad=False)
    y = torch.relu(normalised("bn1", textbook.odconv(part("conv1"), x, stride=stride, padding=1)))
    y = normalised("bn2", textbook.odconv(part("conv2"), y, padding=1))
    shortcut = x
    if channels != filters:
        shortcut = torch.einsum("oc,bchw->bohw", state["downsample.0.weight"][..., 0, 0], x[..., ::stride, ::stride])
        shortcut = normalised("downsample.1", shortcut)
    with torch.no_grad():
        assert_equal({"y": block(x)}, {"y": torch.relu(y + shortcut)})


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    ("depth", "block", "depths", "expansion"),
    [(18, basic_block, (2, 2, 2, 2), 1), (34, basic_block, (3, 4, 6, 3), 1), (50, bottleneck, (3, 4, 6, 3), 4)],
)
def test_a_whole_network(depth, block, depths, expansion, n):
    published = network(block, depths, expansion, n)
    with torch.device("meta"):
        ours = models.build("odconv", depth=depth, num_classes=1000, stem="imagenet", kernel_num=n)
        state = {name: torch.empty(shape) for name, shape in published.items()}
    assert shapes_of(ours) == published
    ours.load_state_dict(state, strict=True)
