"""ODConv, in each form, of many seeds as one layer under vmap: outputs, gradients and statistics of each seed alone."""

import copy

import pytest
import torch
from odconv_cases import FORMS, assert_equal, example, loss, make, of_textbook
from torch.func import functional_call, grad, stack_module_state, vmap

from dynconv import models

EACH_FORM = pytest.mark.parametrize("form", FORMS)
EXTENT = {1: [7], 2: [5, 7]}
SEEDS = 3
# in, out, kernel, stride, padding, dilation, groups
LAYERS = [(4, 6, 3, 2, 1), (4, 6, 3, 1, 2, 2, 2), (4, 6, 1), (4, 4, 3, 1, 1, 1, 4)]


def seeds(*arguments, **options):
    """Layers that differ in every number."""
    layers = []
    for seed in range(SEEDS):
        layer = make(*arguments, **options)
        generator = torch.Generator().manual_seed(seed)
        for tensor in [*layer.parameters(), layer.attention.bn.running_mean]:
            tensor.data.normal_(std=0.5, generator=generator)
        layers.append(layer)
    return layers


@pytest.mark.parametrize("own_batches", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", LAYERS, ids=str)
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_many_seeds_in_one_call(form, ndim, arguments, training, own_batches):
    """Output, gradients and running statistics of every seed are those of its layer alone."""
    layers = seeds(*arguments, ndim=ndim, form=form, training=training)
    alone = copy.deepcopy(layers)
    p, buffers = stack_module_state(layers)
    x = example(SEEDS, 4, 4, *EXTENT[ndim]) if own_batches else example(4, 4, *EXTENT[ndim])

    def step(p, buffers, x):
        y = functional_call(layers[0], (p, buffers), (x,))
        return loss(y), y

    (gradient, of_x), y = vmap(grad(step, argnums=(0, 2), has_aux=True), in_dims=(0, 0, 0 if own_batches else None))(
        {name: tensor.detach() for name, tensor in p.items()}, buffers, x.detach()
    )
    for seed, layer in enumerate(alone):
        batch = x[seed] if own_batches else x
        ours = {"y": y[seed], "x": of_x[seed], **{name: tensor[seed] for name, tensor in gradient.items()}}
        assert_equal(ours, of_textbook(layer, batch))
        layer(batch)
        for name, buffer in layer.named_buffers():
            torch.testing.assert_close(buffers[name][seed], buffer, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_a_stack_of_seeds_trains_by_autograd(form, ndim, training):
    """The other order: the stacked parameters are leaves and one backward pass goes through vmap."""
    layers = seeds(4, 6, 3, 2, 1, ndim=ndim, form=form, training=training)
    alone = copy.deepcopy(layers)
    p, buffers = stack_module_state(layers)
    x = example(SEEDS, 4, 4, *EXTENT[ndim])
    y = vmap(lambda p, buffers, x: functional_call(layers[0], (p, buffers), (x,)))(p, buffers, x)
    sum(loss(one) for one in y).backward()
    for seed, layer in enumerate(alone):
        ours = {"y": y[seed], "x": x.grad[seed], **{name: tensor.grad[seed] for name, tensor in p.items()}}
        assert_equal(ours, of_textbook(layer, x[seed]))


@EACH_FORM
def test_seeds_of_one_example_each(form):
    layers = seeds(4, 6, 3, 1, 1, form=form)
    p, buffers = stack_module_state(layers)
    before = {name: buffer.clone() for name, buffer in buffers.items()}
    x = example(SEEDS, 1, 4, 5, 7, requires_grad=False)
    y = vmap(lambda p, buffers, x: functional_call(layers[0], (p, buffers), (x,)))(p, buffers, x)
    wanted = torch.stack([of_textbook(layer, one)["y"] for layer, one in zip(layers, x, strict=True)])
    assert_equal({"y": y.detach()}, {"y": wanted})
    assert all(torch.equal(buffers[name], buffer) for name, buffer in before.items())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("ndim", "extent"), [(1, [32]), (2, [17, 16])])
def test_many_whole_networks_in_one_call(ndim, extent, training):
    networks = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        options = {"ndim": ndim, "in_channels": 2, "num_classes": 5, "width": 0.125, "kernel_num": 2}
        networks.append(models.build("odconv", **options).double().train(training))
    alone = copy.deepcopy(networks)
    p, buffers = stack_module_state(networks)
    x = example(4, 2, *extent, requires_grad=False)
    targets = torch.tensor([0, 1, 2, 3])

    def step(p, buffers):
        logits = functional_call(networks[0], (p, buffers), (x,))
        return torch.nn.functional.cross_entropy(logits, targets), logits

    got, logits = vmap(grad(step, has_aux=True))({name: tensor.detach() for name, tensor in p.items()}, buffers)
    for seed, network in enumerate(alone):
        wanted = network(x)
        torch.nn.functional.cross_entropy(wanted, targets).backward()
        theirs = {name: parameter.grad for name, parameter in network.named_parameters()}
        assert_equal(
            {"y": logits[seed], **{name: got[name][seed] for name in theirs}}, {"y": wanted.detach(), **theirs}, 1e-8
        )
        for name, buffer in network.named_buffers():
            torch.testing.assert_close(buffers[name][seed], buffer, rtol=1e-10, atol=1e-10)
