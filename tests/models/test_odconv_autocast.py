"""ODConv, in each form, in half precision: no worse than what it costs the paper's formula."""

import collections

import pytest
import torch
from odconv_cases import FORMS, make, of_layer, of_textbook

EACH_FORM = pytest.mark.parametrize("form", FORMS)
DRAWS = 4
A_DOZEN_ROUNDINGS = 12 * 2**-9  # half a unit in the last of bfloat16's 8 bits, each
# in, out, kernel, stride, padding, dilation, groups
LAYERS = [(16, 24, 3, 1, 1), (16, 24, 3, 2, 2, 2, 2), (16, 24, 1), (16, 16, 3, 1, 1, 1, 16), (32, 8, 7, 2, 3)]


def images(seed, layout=torch.contiguous_format, dtype=torch.float32, channels=16):
    x = torch.randn(8, channels, 6, 8, generator=torch.Generator().manual_seed(seed))
    return x.to(dtype).contiguous(memory_format=layout).requires_grad_()


def squares(ours, truth):
    """By name: the squared relative error of a tensor as a whole.  Single elements of few bits are a lottery."""
    return {name: float((ours[name].double() - truth[name]).norm() / truth[name].norm()) ** 2 for name in truth}


@pytest.mark.parametrize(
    ("training", "layout"),
    [(True, torch.contiguous_format), (True, torch.channels_last), (False, torch.channels_last)],
    ids=["training", "training, channels last", "evaluation, channels last"],
)
@pytest.mark.parametrize("arguments", LAYERS, ids=str)
@EACH_FORM
def test_autocast_costs_what_it_costs_the_textbook(form, arguments, training, layout):
    layer = make(*arguments, form=form, training=training, dtype=torch.float32)
    mine, books = collections.Counter(), collections.Counter()
    for seed in range(DRAWS):
        x = images(seed, layout, channels=arguments[0])
        truth = of_textbook(layer, x)
        with torch.autocast("cpu", torch.bfloat16):
            theirs = of_textbook(layer, x, torch.float32)
            ours = of_layer(layer, x)
        assert {name: tensor.dtype for name, tensor in ours.items()} == {
            name: torch.bfloat16 if name == "y" else torch.float32 for name in truth
        }
        mine.update(squares(ours, truth))
        books.update(squares(theirs, truth))
    error = {name: ((mine[name] / DRAWS) ** 0.5, (books[name] / DRAWS) ** 0.5) for name in mine}
    worse = {name: pair for name, pair in error.items() if not pair[0] <= max(2 * pair[1], A_DOZEN_ROUNDINGS)}
    assert not worse, f"(ours, the textbook's): {worse}"


@EACH_FORM
def test_half_precision_input_under_autocast(form):
    """What the convolution before hands over, as a network under autocast does."""
    layer = make(16, 24, 3, 1, 1, form=form, dtype=torch.float32)
    x = images(0, dtype=torch.bfloat16)
    truth = of_textbook(layer, x)
    with torch.autocast("cpu", torch.bfloat16):
        ours = of_layer(layer, x)
    assert ours["y"].dtype == ours["x"].dtype == torch.bfloat16
    assert all(ours[name].dtype == torch.float32 for name, _ in layer.named_parameters())
    assert max(squares(ours, truth).values()) ** 0.5 < 2 * A_DOZEN_ROUNDINGS


@EACH_FORM
def test_backward_outside_of_autocast(form):
    """As torch recommends: the backward pass runs in the types that the forward pass chose."""
    layer, x = make(16, 24, 3, 1, 1, form=form, dtype=torch.float32), images(0)
    with torch.autocast("cpu", torch.bfloat16):
        inside = of_layer(layer, x)
        y = layer(x)
    outside = of_layer(layer, x, lambda x: y)
    assert all(torch.equal(inside[name], outside[name]) for name in inside)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@EACH_FORM
def test_a_layer_in_half_precision(form, dtype):
    layer = make(16, 24, 3, 1, 1, form=form, training=False, dtype=torch.float32)
    x = images(0)
    truth = of_textbook(layer, x)
    half = layer.to(dtype)
    ours = of_layer(half, x.detach().to(dtype).requires_grad_())
    assert {tensor.dtype for tensor in ours.values()} == {dtype}
    assert max(squares(ours, truth).values()) ** 0.5 < 2 * A_DOZEN_ROUNDINGS


@EACH_FORM
def test_second_derivatives_under_autocast(form):
    layer, x = make(16, 24, 3, 1, 1, form=form, dtype=torch.float32, training=False), images(0)

    def penalty(x):
        (slope,) = torch.autograd.grad(layer(x).float().square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [x, *layer.parameters()])

    wanted = penalty(x)
    with torch.autocast("cpu", torch.bfloat16):
        got = penalty(x)
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == torch.float32
        assert float((one - other).norm() / other.norm()) < 4 * A_DOZEN_ROUNDINGS
