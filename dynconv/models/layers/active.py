"""Where the convolutions of a masked branch have to run, and how many multiply-adds that is."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from dynconv.models.blocks import ConvShape
from dynconv.models.layers.dimensions import MAX_POOL


def active_masks(mask: torch.Tensor, shapes: Sequence[ConvShape], size: Sequence[int]) -> list[torch.Tensor]:
    """Output positions [B, 1, *S_i] of each convolution of a branch that the output positions in `mask` depend on.

    A convolution runs where the next one reads: from last to first, the mask is dilated by each kernel.  `size` is the
    branch's input size.  Differentiable in the mask.
    """
    sizes = [tuple(size)]
    for shape in shapes:
        sizes.append(tuple(-(-extent // shape.stride) for extent in sizes[-1]))
    masks = [mask]
    for index in range(len(shapes) - 1, 0, -1):
        masks.insert(0, _positions_read(masks[0], shapes[index], sizes[index]))
    return masks


def branch_macs(mask: torch.Tensor, shapes: Sequence[ConvShape], size: Sequence[int]) -> tuple[torch.Tensor, int]:
    """Multiply-adds of a branch for the output positions in `mask` [B, 1, *S], and for all positions.

    `size` is the branch's input size.  Returns executed [B] (differentiable in the mask) and the total of one example.
    """
    executed, total = mask.new_zeros(len(mask)), 0
    for shape, active in zip(shapes, active_masks(mask, shapes, size), strict=True):
        macs = shape.in_channels * shape.out_channels * shape.kernel_size ** len(size)  # of one output position
        executed = executed + macs * active.flatten(1).sum(1)
        total += macs * active[0].numel()
    return executed, total


def _positions_read(mask: torch.Tensor, shape: ConvShape, size: Sequence[int]) -> torch.Tensor:
    """Input positions [B, 1, *size] that a convolution reads for the output positions in `mask`."""
    if shape.stride > 1:
        spread = mask.new_zeros(*mask.shape[:2], *size)
        spread[:, :, *[slice(None, None, shape.stride)] * len(size)] = mask
        mask = spread
    if shape.kernel_size == 1:
        return mask
    margin = F.pad(mask, [shape.padding] * 2 * len(size))
    return MAX_POOL[len(size)](shape.kernel_size, stride=1, dilation=shape.dilation)(margin)
