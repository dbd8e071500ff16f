"""The kernels that a dynamic convolution mixes for each example, compared without holding them all."""

import torch

from dynconv.models.layers.dynamic import Attentions

# Of the kernels made at a time: 1 MiB, which stays in a CPU's cache; 128 MiB, which is worth a GPU's while.
_ELEMENTS = {"cpu": 1 << 17, "cuda": 1 << 24}


def gram(weight: torch.Tensor, attentions: Attentions, groups: int) -> torch.Tensor:
    """Inner products of the kernels K[b] (`dynamic_conv`) of M examples: [M, M], float64.

    Args:
        weight: candidate kernels [n, out, in / groups, *kernel].
        attentions: of M examples.
        groups: of the convolution.
    """
    n, out, fan = weight.shape[:3]
    channel, filters, spatial, mixture = (None if part is None else part.double() for part in attentions)
    examples = next(len(part) for part in attentions if part is not None)
    weight = weight.reshape(n, groups, out // groups, -1)  # [n, g, out / g, F], of F values to a filter
    scale = torch.ones(examples, groups, 1, fan, weight.shape[3] // fan, dtype=torch.float64, device=weight.device)
    if channel is not None:
        scale = scale * channel.view(examples, groups, 1, fan, 1)
    if spatial is not None:
        scale = scale * spatial.view(examples, 1, 1, 1, -1)
    scale = scale.flatten(3)
    total = scale.new_zeros(examples, examples)
    rows = max(1, _ELEMENTS[weight.device.type] // scale.numel())
    for start in range(0, out // groups, rows):
        some = weight[:, :, start : start + rows].double()
        mixed = some if mixture is None else (mixture @ some.flatten(1)).view(-1, *some.shape[1:])
        kernels = mixed * scale  # [examples, g, rows, F]
        if filters is not None:
            kernels *= filters.view(examples, groups, -1, 1)[:, :, start : start + rows]
        total += kernels.flatten(1) @ kernels.flatten(1).T
    return total
