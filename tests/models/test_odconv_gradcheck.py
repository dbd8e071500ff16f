"""The derivatives of ODConv and of its operation, in each form, against finite differences."""

import pytest
import torch
from odconv_cases import FORMS, example, make, parameters

from dynconv.models.layers.dynamic import Attentions, dynamic_conv

EACH_FORM = pytest.mark.parametrize("form", FORMS)
# in, out, kernel, stride, padding, dilation, groups
LAYERS = [(2, 3, 3, 1, 1), (2, 4, 3, 2, 2, 2, 2), (2, 3, 1), (2, 2, 2, 1, 1, 1, 2)]


def attentions(batch, channels, filters, taps, n):
    """Positive numbers for every axis of the kernel, as leaves."""
    torch.manual_seed(3)
    shapes = [(batch, channels), (batch, filters), (batch, taps), (batch, n)]
    return [torch.rand(shape, dtype=torch.float64).add(0.5).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("arguments", LAYERS, ids=str)
@EACH_FORM
def test_gradcheck_of_the_operation(form, arguments):
    """Every element of the Jacobian, and the backward pass under vmap."""
    layer = make(*arguments, form=form, kernel_num=2)
    a = attentions(2, layer.in_channels, layer.out_channels, layer.kernel_size**2, 2)

    def operation(x, weight, *a):
        options = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
        return dynamic_conv(x, weight, Attentions(*a), form=form, **options)

    inputs = (example(2, 2, 2, 3), layer.weight, *a)
    assert torch.autograd.gradcheck(operation, inputs, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(operation, inputs, check_batched_grad=True, fast_mode=True)


@pytest.mark.parametrize("given", ["", "channel", "filter", "spatial", "kernel", "channel kernel", "filter spatial"])
@EACH_FORM
def test_gradcheck_with_attentions_left_out(form, given):
    named = dict(zip(("channel", "filter", "spatial", "kernel"), attentions(2, 2, 3, 3, 2), strict=True))
    named = {name: value for name, value in named.items() if name in given.split()}
    torch.manual_seed(0)
    weight = torch.randn(2 if "kernel" in named else 1, 3, 2, 3, dtype=torch.float64, requires_grad=True)

    def operation(x, weight, *values):
        return dynamic_conv(x, weight, Attentions(**dict(zip(named, values, strict=True))), padding=1, form=form)

    inputs = (example(2, 2, 4), weight, *named.values())
    assert torch.autograd.gradcheck(operation, inputs)
    assert torch.autograd.gradgradcheck(operation, inputs, fast_mode=True)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", LAYERS[:2], ids=str)
@EACH_FORM
def test_gradcheck_of_the_layer(form, arguments, training):
    layer = make(*arguments, form=form, kernel_num=2, training=training)
    names = list(parameters(layer))

    def call(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), x)

    inputs = (example(3, 2, 3, 4), *parameters(layer).values())
    assert torch.autograd.gradcheck(call, inputs, check_batched_grad=True, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, inputs, check_batched_grad=True, fast_mode=True)
