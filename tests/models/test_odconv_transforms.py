"""ODConv, in each form, under torch.func: other parameters, gradients of each example, derivatives nested."""

import pytest
import textbook
import torch
from odconv_cases import FORMS, assert_equal, example, geometry, loss, make, of_textbook, parameters, state
from torch.func import functional_call, grad, jacrev, vjp, vmap

EACH_FORM = pytest.mark.parametrize("form", FORMS)
# in, out, kernel, stride, padding, dilation, groups
LAYERS = [(4, 6, 3, 2, 1), (4, 6, 3, 1, 2, 2, 2), (4, 6, 1), (4, 4, 3, 1, 1, 1, 4)]


@pytest.mark.parametrize("training", [True, False])
@EACH_FORM
def test_functional_call(form, training):
    layer, other = (make(4, 6, 3, 1, 1, form=form, training=training) for _ in range(2))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(-1.5).add_(0.1)
    x = example(3, 4, 5, 7)
    y = functional_call(layer, parameters(other), x)
    assert_equal({"y": y}, {"y": of_textbook(other, x)["y"]})


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", LAYERS, ids=str)
@EACH_FORM
def test_gradients_of_each_example(form, arguments, training):
    layer = make(*arguments, form=form, training=training)
    p = {name: parameter.detach() for name, parameter in layer.named_parameters()}
    x = example(3, 4, 5, 7)

    def one(p, image):
        return loss(functional_call(layer, p, image[None]))

    of_p, of_x = vmap(grad(one, argnums=(0, 1)), in_dims=(None, 0))(p, x.detach())
    for index in range(len(x)):
        ours = {"x": of_x[index : index + 1], **{name: tensor[index] for name, tensor in of_p.items()}}
        wanted = of_textbook(layer, x[index : index + 1])
        del wanted["y"]
        assert_equal(ours, wanted)


def curvature(call, p, direction):
    """A Hessian-vector product, by the gradient of a gradient."""

    def slope(p):
        first = grad(call)(p)
        return sum((first[name] * direction[name]).sum() for name in p)

    return grad(slope)(p)


def fresh_buffers(layer):
    """A training batch moves the running statistics in place, which no transform lets it do to a captured tensor."""
    return {name: buffer.clone() for name, buffer in layer.named_buffers()}


def case_for_curvature(form, training):
    layer = make(4, 6, 3, 2, 1, form=form, training=training)
    p = {name: tensor.detach() for name, tensor in state(layer).items()}
    buffers = {name: p.pop(name) for name in list(p) if name not in parameters(layer)}
    x = example(4, 4, 5, 7, requires_grad=False)
    p["x"] = x
    options = geometry(layer)

    def ours(p):
        named = {name: tensor for name, tensor in p.items() if name != "x"}
        return loss(functional_call(layer, {**named, **fresh_buffers(layer)}, p["x"]).square())

    def theirs(p):
        return loss(textbook.odconv({**p, **buffers}, p["x"], **options).square())

    return ours, theirs, p


@pytest.mark.parametrize("training", [True, False])
@EACH_FORM
def test_a_gradient_of_a_gradient(form, training):
    ours, theirs, p = case_for_curvature(form, training)
    direction = {name: example(*tensor.shape, requires_grad=False) for name, tensor in p.items()}
    assert_equal(curvature(ours, p, direction), curvature(theirs, p, direction))


@pytest.mark.parametrize("training", [True, False])
@EACH_FORM
def test_many_gradients_of_gradients(form, training):
    ours, theirs, p = case_for_curvature(form, training)
    directions = {name: example(3, *tensor.shape, requires_grad=False) for name, tensor in p.items()}
    got = vmap(lambda direction: curvature(ours, p, direction))(directions)
    assert_equal(got, vmap(lambda direction: curvature(theirs, p, direction))(directions))


@pytest.mark.parametrize("name", ["x", "weight", "attention.spatial_fc.bias"])
@EACH_FORM
def test_a_jacobian_and_a_hessian(form, name):
    layer = make(2, 3, 2, form=form, training=False, kernel_num=2)
    p = {key: tensor.detach() for key, tensor in layer.named_parameters()} | {"x": example(2, 2, 3, 4).detach()}
    buffers = {key: tensor for key, tensor in state(layer).items() if key not in p}

    def ours(value):
        named = {**p, name: value}
        return functional_call(layer, {key: named[key] for key in parameters(layer)}, named["x"])

    def theirs(value):
        named = {**p, name: value}
        return textbook.odconv({**named, **buffers}, named["x"], **geometry(layer))

    def both(call):
        return {
            "jacobian": jacrev(call)(p[name]),
            "hessian": jacrev(jacrev(lambda value: loss(call(value).square())))(p[name]),
        }

    assert_equal(both(ours), both(theirs))


@EACH_FORM
def test_many_pullbacks_of_one_pass(form):
    layer, x = make(4, 6, 3, 1, 1, form=form), example(4, 4, 5, 7)
    p = {name: tensor.detach() for name, tensor in layer.named_parameters()}
    y, pull = vjp(lambda p, x: functional_call(layer, {**p, **fresh_buffers(layer)}, x), p, x.detach())
    cotangents = example(3, *y.shape, requires_grad=False)
    of_p, of_x = vmap(pull)(cotangents)
    twin, q = x.detach().clone().requires_grad_(), state(layer)
    y = textbook.odconv(q, twin, **geometry(layer))
    leaves = {"x": twin, **{name: q[name] for name in p}}
    for index, cotangent in enumerate(cotangents):
        wanted = torch.autograd.grad(y, list(leaves.values()), cotangent, retain_graph=True)
        ours = {"x": of_x[index], **{name: tensor[index] for name, tensor in of_p.items()}}
        assert_equal(ours, dict(zip(leaves, wanted, strict=True)))


@EACH_FORM
def test_forward_mode(form):
    """The directional derivative by dual numbers is the one by two backward passes."""
    layer, x = make(3, 4, 3, 1, 1, form=form, training=False), example(2, 3, 5, 4, requires_grad=False)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    value, slope = torch.func.jvp(layer, (x,), (direction,))
    _, wanted = torch.autograd.functional.jvp(layer, x, direction)
    torch.testing.assert_close(value, layer(x), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(slope, wanted, rtol=1e-10, atol=1e-10)
