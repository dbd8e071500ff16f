"""The public form of ODConv, to be compared with: kernels mixed for every example, then one grouped convolution."""

import functools

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.dynamic import DynamicConv

CONV = {3: F.conv1d, 4: F.conv2d}


def forward(layer: DynamicConv, x: torch.Tensor) -> torch.Tensor:
    """What the layer computes, as published code does: [B, in, *S] -> [B, out, *S']."""
    a, batch, ones = layer.attend(x), len(x), [1] * (x.dim() - 2)
    # Spatial and kernel attention first, as in the published line: one product of the kernels' size rather than two.
    scale = x.new_ones(batch, 1, 1, 1, *ones)
    if a.spatial is not None:
        scale = a.spatial.view(batch, 1, 1, 1, *layer.weight.shape[3:])
    if a.kernel is not None:
        scale = scale * a.kernel.view(batch, -1, 1, 1, *ones)
    kernels = (scale * layer.weight[None]).sum(1).flatten(0, 1)  # [B, n, out, in / groups, *kernel], summed over n
    if a.channel is not None:
        x = x * a.channel.view(*x.shape[:2], *ones)
    y = CONV[x.dim()](
        x.reshape(1, -1, *x.shape[2:]),
        kernels,
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups * batch,
    )
    y = y.view(batch, -1, *y.shape[2:])
    return y if a.filter is None else y * a.filter.view(*y.shape[:2], *ones)


def make_public(model: nn.Module) -> nn.Module:
    """The same model with every dynamic convolution in the public form."""
    for layer in model.modules():
        if isinstance(layer, DynamicConv):
            layer.forward = functools.partial(forward, layer)
    return model
