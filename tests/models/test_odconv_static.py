"""The control of ODConv: one kernel for all examples, made of the attentions' means."""

import pytest
import torch
import torch.nn.functional as F

from dynconv.models.layers import ODConv1d, ODConv2d, ODConvStatic1d, ODConvStatic2d

LAYERS = {1: (ODConvStatic1d, ODConv1d), 2: (ODConvStatic2d, ODConv2d)}
CONV = {1: F.conv1d, 2: F.conv2d}
SHAPES = [(4, 6, 3, 2, 1, 1, 1), (4, 6, 3, 1, 2, 2, 2), (4, 4, 3, 1, 1, 1, 4), (4, 6, 1, 1, 0, 1, 1)]


def pair(ndim, shape, kernel_num):
    """The control, and ODConv with the same parameters."""
    torch.manual_seed(0)
    static, dynamic = (layer(*shape, kernel_num=kernel_num).double() for layer in LAYERS[ndim])
    dynamic.load_state_dict(static.state_dict(), strict=False)
    assert dict(static.named_parameters()).keys() == dict(dynamic.named_parameters()).keys()
    return static, dynamic, torch.randn(5, 4, *[9] * ndim, dtype=torch.float64)


def textbook(layer, x, means):
    """The kernel written out position by position, then torch's convolution."""
    kernel = torch.zeros_like(layer.weight[0])
    per_group = layer.out_channels // layer.groups
    for o in range(kernel.shape[0]):
        for i in range(kernel.shape[1]):
            for s in range(kernel[0, 0].numel()):
                weights = layer.weight[:, o, i].flatten(1)[:, s]
                value = weights[0] if means.kernel is None else (means.kernel * weights).sum()
                value = value * means.channel[o // per_group * kernel.shape[1] + i]
                value = value if means.spatial is None else value * means.spatial[s]
                kernel[o, i].view(-1)[s] = value if means.filter is None else value * means.filter[o]
    return CONV[x.dim() - 2](x, kernel, None, layer.stride, layer.padding, layer.dilation, layer.groups)


@torch.no_grad()
@pytest.mark.parametrize("kernel_num", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_it_is_one_convolution_by_the_mean_attentions(ndim, shape, kernel_num):
    static, dynamic, x = pair(ndim, shape, kernel_num)
    before = {
        name: buffer.clone() for name, buffer in static.named_buffers() if "running_" in name and "bn" not in name
    }
    own = dynamic.train().attend(x)
    means = type(own)(*(None if part is None else part.mean(0) for part in own))
    torch.testing.assert_close(static.train()(x), textbook(static, x, means), rtol=0, atol=1e-12)

    running = [getattr(static, f"running_{name}") for name in own._fields]
    for name, part, mean in zip(own._fields, running, means, strict=True):
        assert (part is None) == (mean is None)
        if part is not None:
            torch.testing.assert_close(part, 0.9 * before[f"running_{name}"] + 0.1 * mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(static.eval()(x), textbook(static, x, type(own)(*running)), rtol=0, atol=1e-12)


def test_in_evaluation_no_example_changes_the_kernel():
    static, dynamic, x = pair(2, SHAPES[0], 3)
    attend = [layer.eval().attend(x).channel for layer in (static, dynamic)]
    assert torch.equal(attend[0], attend[0][:1].expand(5, -1))
    assert not torch.allclose(attend[1], attend[1][:1].expand(5, -1))
    y = static(torch.cat([x, 2 * x]))
    torch.testing.assert_close(y[5:], 2 * y[:5])  # linear, as a static convolution is


def test_where_all_examples_are_alike_it_is_odconv():
    static, dynamic, x = pair(2, SHAPES[0], 3)
    alike = x[:1].expand(5, -1, -1, -1)
    torch.testing.assert_close(static.train()(alike), dynamic.train()(alike))


def test_running_means_begin_undecided_and_are_saved():
    static, *_ = pair(2, SHAPES[0], 4)
    assert torch.equal(static.running_kernel, torch.full((4,), 0.25, dtype=torch.float64))
    assert torch.equal(static.running_channel, torch.full((4,), 0.5, dtype=torch.float64))
    assert {f"running_{name}" for name in ("channel", "filter", "spatial", "kernel")} <= static.state_dict().keys()
