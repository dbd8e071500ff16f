"""The kernels that a dynamic convolution mixes for each example, compared without holding them all."""

import torch

from dynconv.models.layers.dynamic import Attentions
from dynconv.models.layers.dynamic.product import product

# Of the kernels made at a time: 1 MiB, which stays in a CPU's cache; 128 MiB, which is worth a GPU's while.
_ELEMENTS = {"cpu": 1 << 17, "cuda": 1 << 24}

FILTERS = 128  # of a layer that are looked at, at least


def gram(weight: torch.Tensor, attentions: Attentions, groups: int) -> torch.Tensor:
    """Inner products of the kernels K[b] (`dynamic_conv`) of M examples: [M, M], float64.

    Of a layer with more than 128 filters, evenly spaced ones, at least 128: the rest would tell the same and cost more
    than the training.  Kernels are made and multiplied in the type of the weights, a few filters at a time, and summed
    in float64.

    Args:
        weight: candidate kernels [n, out, in / groups, *kernel].
        attentions: of M examples.
        groups: of the convolution.
    """
    n, out, fan = weight.shape[:3]
    dtype = torch.promote_types(weight.dtype, torch.float32)
    channel, filters, spatial, mixture = (None if part is None else part.to(dtype) for part in attentions)
    examples = next(len(part) for part in attentions if part is not None)
    weight = weight.reshape(n, groups, out // groups, -1)  # [n, g, out / g, F], of F values to a filter
    every = max(1, out // FILTERS)
    weight = weight[:, :, ::every]
    if filters is not None:
        filters = filters.view(examples, groups, -1, 1)[:, :, ::every]
    scale = torch.ones(examples, groups, 1, fan, weight.shape[3] // fan, dtype=dtype, device=weight.device)
    if channel is not None:
        scale = scale * channel.view(examples, groups, 1, fan, 1)
    if spatial is not None:
        scale = scale * spatial.view(examples, 1, 1, 1, -1)
    scale = scale.flatten(3)
    total = scale.new_zeros(examples, examples, dtype=torch.float64)
    rows = max(1, _ELEMENTS[weight.device.type] // scale.numel())
    for start in range(0, weight.shape[2], rows):
        some = weight[:, :, start : start + rows].to(dtype)
        mixed = some if mixture is None else (mixture @ some.flatten(1)).view(-1, *some.shape[1:])
        kernels = mixed * scale  # [examples, g, rows, F]
        if filters is not None:
            kernels *= filters[:, :, start : start + rows]
        total += product(kernels.flatten(1), kernels.flatten(1))
    return total
