"""ODConv layers to be held against the textbook, in every form that there is."""

import textbook
import torch

from dynconv.models.layers import ODConv1d, ODConv2d, dynamic

FORMS = ("auto", *dynamic.FORMS)
LAYER = {1: ODConv1d, 2: ODConv2d}
TEMPERATURE = 2.0


def make(*arguments, form="auto", ndim=2, kernel_num=4, training=True, dtype=torch.float64):
    """A layer in which nothing is at its initial value: every attention depends on the example."""
    torch.manual_seed(0)
    layer = LAYER[ndim](*arguments, kernel_num=kernel_num, form=form).to(dtype).train(training)
    for parameter in layer.attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.normal_(layer.attention.bn.running_mean)
    torch.nn.init.uniform_(layer.attention.bn.running_var, 0.5, 2.0)
    layer.anneal(temperature=TEMPERATURE, fraction=0.0)
    return layer


def example(*shape, dtype=torch.float64, requires_grad=True):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype).requires_grad_(requires_grad)


def state(layer, dtype=torch.float64):
    """The layer's parameters and buffers by name, as leaves of a graph of their own: the same ones need a gradient."""
    tensors = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    tensors = {name: t for name, t in tensors.items() if t.is_floating_point()}
    return {name: t.detach().clone().to(dtype).requires_grad_(t.requires_grad) for name, t in tensors.items()}


def geometry(layer):
    names = ("stride", "padding", "dilation", "groups", "training")
    return {name: getattr(layer, name) for name in names} | {"temperature": float(layer.temperature)}


def loss(y):
    """A scalar whose gradient differs at every output; drawn from no generator, so that torch.func may transform it."""
    weights = torch.arange(y.numel(), dtype=torch.float64).mul(2.7).cos()
    return (y.double() * weights.view(y.shape)).sum()


def gradients(y, leaves):
    """The gradients by name of `loss(y)` for those of the leaves that need one."""
    wanted = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    return dict(zip(wanted, torch.autograd.grad(loss(y), list(wanted.values())), strict=True))


def unchanged(y):
    return y


def of_layer(layer, x, call=None, tail=unchanged):
    """Output and gradients, by name, of the layer (or of `call`, another way to call it), followed by `tail`."""
    y = tail((layer if call is None else call)(x))
    return {"y": y.detach(), **gradients(y, {"x": x, **parameters(layer)})}


def of_textbook(layer, x, dtype=torch.float64, tail=unchanged):
    """Output and gradients, by name, of the textbook in `dtype`, followed by `tail`."""
    p = state(layer, dtype)
    x = x.detach().to(dtype).requires_grad_(x.requires_grad)
    y = tail(textbook.odconv(p, x, **geometry(layer)))
    return {"y": y.detach(), **gradients(y, {"x": x, **{name: p[name] for name, _ in layer.named_parameters()}})}


def parameters(layer):
    return dict(layer.named_parameters())


def distances(ours, theirs):
    """By name: the largest error of a tensor over its largest magnitude.

    An element by itself may be a small difference of large terms, which no order of the sums gets right; the tensor's
    magnitude is what its elements' rounding errors are made of.
    """
    assert ours.keys() == theirs.keys()
    assert all(ours[name].shape == theirs[name].shape for name in ours)
    error = {name: float((ours[name].detach().double() - theirs[name]).abs().max()) for name in ours}
    return {name: error[name] / (float(theirs[name].abs().max()) or 1.0) for name in ours}


def assert_equal(ours, theirs, tolerance=1e-10):
    wrong = {name: d for name, d in distances(ours, theirs).items() if not d <= tolerance}
    assert not wrong, f"differ by more than {tolerance}: {wrong}"
