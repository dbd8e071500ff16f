"""ODConv, in each form, as a citizen of autograd: second derivatives, saved tensors, repeated passes."""

import gc
import weakref

import pytest
import textbook
import torch
from odconv_cases import (
    FORMS,
    assert_equal,
    example,
    geometry,
    gradients,
    loss,
    make,
    of_layer,
    of_textbook,
    parameters,
    state,
)
from torch.utils.checkpoint import checkpoint

EACH_FORM = pytest.mark.parametrize("form", FORMS)
# in, out, kernel, stride, padding, dilation, groups
LAYERS = [(2, 3, 3, 1, 1), (2, 4, 3, 2, 2, 2, 2), (2, 3, 1), (2, 2, 2, 1, 1, 1, 2)]


def penalty(y, leaves):
    """The gradients of a penalty on the gradients, as in WGAN-GP and in sharpness-aware training."""
    first = torch.autograd.grad(loss(y.square()), list(leaves.values()), create_graph=True)
    total = sum((gradient**2).sum() for gradient in first) + y.square().sum()
    return dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", [*LAYERS, (2, 4, 7, 2, 3)], ids=str)
@EACH_FORM
def test_second_derivatives_are_the_textbooks(form, arguments, training):
    layer = make(*arguments, form=form, training=training)
    x, p = example(4, 2, 5, 7), state(layer)
    twin = x.detach().clone().requires_grad_()
    ours = penalty(layer(x), {"x": x, **parameters(layer)})
    y = textbook.odconv(p, twin, **geometry(layer))
    assert_equal(ours, penalty(y, {"x": twin, **{name: p[name] for name in parameters(layer)}}))


@EACH_FORM
def test_two_backward_passes_of_a_retained_graph(form):
    layer, x = make(2, 3, 3, 1, 1, form=form), example(3, 2, 5, 7)
    wanted = of_textbook(layer, x)
    y = layer(x)
    leaves = [x, *layer.parameters()]
    once = torch.autograd.grad(loss(y), leaves, retain_graph=True)
    twice = torch.autograd.grad(loss(y), leaves)
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))
    assert_equal({"y": y, **dict(zip(["x", *parameters(layer)], twice, strict=True))}, wanted)
    with pytest.raises(RuntimeError, match="a second time"):
        loss(y).backward()


@pytest.mark.parametrize("sizes", [(3, 4), (1, 3), (3, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("training", [True, False])
@EACH_FORM
def test_two_forward_passes_before_one_backward(form, training, sizes):
    layer = make(2, 3, 3, 1, 1, form=form, training=training)
    inputs = {f"x{index}": example(size, 2, 5 + index, 7) for index, size in enumerate(sizes)}
    total, theirs = 0.0, dict.fromkeys(parameters(layer), 0.0)
    for name, x in inputs.items():
        wanted = of_textbook(layer, x)  # first: a training batch moves the running statistics, which one example uses
        theirs |= {key: theirs[key] + wanted[key] for key in parameters(layer)} | {name: wanted["x"]}
        total = total + loss(layer(x))
    leaves = {**parameters(layer), **inputs}
    ours = torch.autograd.grad(total, list(leaves.values()))
    assert_equal(dict(zip(leaves, ours, strict=True)), theirs)


@pytest.mark.parametrize("changed", ["x", "weight"])
@EACH_FORM
def test_what_the_backward_pass_needs_must_not_change(form, changed):
    layer = make(2, 3, 3, 1, 1, form=form)
    x = example(3, 2, 5, 7, requires_grad=False)
    y = layer(x)
    with torch.no_grad():
        {"x": x, "weight": layer.weight}[changed].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss(y).backward()


@EACH_FORM
def test_the_output_may_be_changed_in_place(form):
    # The blocks do so (`relu_`), behind a batch norm; a layer of its own may be used without.
    layer, x = make(2, 3, 3, 1, 1, form=form), example(3, 2, 5, 7)
    assert_equal(of_layer(layer, x, tail=torch.relu_), of_textbook(layer, x, tail=torch.relu))


@EACH_FORM
def test_gradients_accumulate(form):
    layer, x = make(2, 3, 3, 1, 1, form=form), example(3, 2, 5, 7)
    wanted = of_textbook(layer, x)
    for _ in range(2):
        loss(layer(x)).backward()
    leaves = {"x": x, **parameters(layer)}
    assert_equal({name: leaf.grad / 2 for name, leaf in leaves.items()}, {name: wanted[name] for name in leaves})


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
@EACH_FORM
def test_activation_checkpointing(form, batch, training):
    layer, x = make(2, 3, 3, 1, 1, form=form, training=training), example(batch, 2, 5, 7)
    wanted = of_textbook(layer, x)
    assert_equal(of_layer(layer, x, lambda x: checkpoint(layer, x, use_reentrant=False)), wanted)


@EACH_FORM
def test_saved_tensors_may_live_elsewhere(form):
    """As activation offloading moves them: through torch's hooks, which see only what is saved through autograd."""
    layer, x = make(2, 3, 3, 1, 1, form=form), example(3, 2, 5, 7)
    kept = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor.clone()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = layer(x)
    assert sum(kept) >= x.numel()
    assert_equal({"y": y.detach(), **gradients(y, {"x": x, **parameters(layer)})}, of_textbook(layer, x))


@EACH_FORM
def test_a_dropped_output_frees_its_graph(form):
    """At once, without Python's collector: a node that holds its own output would keep every step's activations."""
    layer, x = make(2, 3, 3, 1, 1, form=form), example(3, 2, 5, 7)
    gc.collect()
    gc.disable()
    try:
        inner = x * 1
        alive = [weakref.ref(inner), weakref.ref(layer(inner))]
        del inner
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()
