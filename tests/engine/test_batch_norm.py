"""Batch normalisation over processes against torch's own over the whole batch: values, gradients, statistics."""

import pytest
import torch
from ranks import in_ranks

from dynconv.engine.world import find
from dynconv.models.layers.batch_norm import BatchNorm1d, BatchNorm2d, synchronise

PARTS = (2, 5, 1)  # examples of each process


def batch(mean, dtype):
    torch.manual_seed(0)
    x, weights = torch.randn(sum(PARTS), 4, 3, 5, dtype=torch.float64) + mean, torch.randn(sum(PARTS), 4, 3, 5)
    return x.to(dtype), weights.to(dtype)


def layer(kind, dtype):
    torch.manual_seed(1)
    norm = kind(4)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm.double() if dtype == torch.float64 else norm


def shared(mean, dtype):
    world = find()
    world.join(torch.device("cpu"))
    try:
        norm = layer(BatchNorm2d, dtype)
        synchronise(norm)
        x, weights = (value.split(PARTS)[world.rank] for value in batch(mean, dtype))
        x = x.clone().requires_grad_()
        y = norm(x)
        (y * weights).sum().backward()
        gradients = world.sum(norm.weight.grad), world.sum(norm.bias.grad)
        found = y, x.grad, *gradients, norm.running_mean, norm.running_var
        return [value.detach().double().numpy() for value in found]
    finally:
        world.leave()


def whole(mean, dtype):
    """In float64, of the numbers that `dtype` holds."""
    norm = layer(torch.nn.BatchNorm2d, torch.float64)
    x, weights = (value.double() for value in batch(mean, dtype))
    x.requires_grad_()
    y = norm(x)
    (y * weights).sum().backward()
    statistics = norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var
    return [y.detach(), x.grad, *statistics]


@pytest.mark.parametrize("mean", [0.0, 30.0])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-11), (torch.float32, 2e-5), (torch.bfloat16, 2e-2)])
def test_it_is_that_of_the_whole_batch(mean, dtype, close):
    results = [[torch.from_numpy(value) for value in result] for result in in_ranks(len(PARTS), shared, mean, dtype)]
    expected = whole(mean, dtype)
    for place, value in enumerate(expected):
        found = torch.cat([result[place] for result in results]) if place < 2 else results[1][place]
        assert (found - value).abs().max() <= close * max(1.0, float(value.abs().max())), place
    # The gradient has no mean over a channel, also where the input's mean is large: no rounding that adds up.
    gradient = torch.cat([result[1] for result in results])
    assert gradient.mean((0, 2, 3)).abs().max() <= close / 10


@pytest.mark.parametrize("kind", [BatchNorm1d, BatchNorm2d])
def test_a_later_batch_does_not_change_the_gradient_of_one_value(kind):
    """One value a channel is normalised by running statistics that the next batch moves before the backward pass."""
    shape = [1, 1] if kind is BatchNorm2d else []
    one, many = torch.randn(1, 4, *shape), torch.randn(5, 4, *shape) * 3 + 10
    norm = layer(kind, torch.float64)
    wanted = torch.autograd.grad(norm(one.double()).square().sum(), norm.weight)
    y = norm(one.double())
    norm(many.double())
    assert torch.equal(torch.autograd.grad(y.square().sum(), norm.weight)[0], wanted[0])
