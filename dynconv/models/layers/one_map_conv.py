"""Convolution to a single map, from which a gate or a mask is made: the same numbers in forms that a CPU is fast at."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn


class _OneMapConv(nn.modules.conv._ConvNd):
    """A convolution [B, C, *S] -> [B, 1, *S'] with an odd kernel, padding "same" (before the stride) and no bias.

    CPU kernels compute output channels in blocks of the vector's width, of which one map uses one lane.  Here each
    kernel position gives a map of its own by one matrix product, and the maps are shifted and summed (in float32 under
    half precision): a quarter of the time on large maps, forward and backward, half on small ones.  It pays where there
    are at least as many channels as kernel positions; elsewhere, and on a GPU, it is torch's convolution.
    """

    def __init__(self, in_channels: int, kernel_size: int, stride: int = 1) -> None:
        # The next class is torch's Conv1d or Conv2d.
        super().__init__(in_channels, 1, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)  # type: ignore[call-arg,arg-type]

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # torch's own name of the argument
        if input.device.type != "cpu" or self.weight[0, 0].numel() > self.in_channels:
            return super().forward(input)
        return _product_and_shifts(input, self.weight, self.stride[0])


class OneMapConv1d(_OneMapConv, nn.Conv1d):
    """See `_OneMapConv`; [B, C, L] -> [B, 1, L']."""


class OneMapConv2d(_OneMapConv, nn.Conv2d):
    """See `_OneMapConv`; [B, C, H, W] -> [B, 1, H', W']."""


ONE_MAP_CONV: dict[int, type[OneMapConv1d] | type[OneMapConv2d]] = {1: OneMapConv1d, 2: OneMapConv2d}


def _product_and_shifts(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    size, kernel_size = x.shape[2:], weight.shape[2]
    # Not matmul, which transposes a batch to one large matrix where gradients are wanted.
    kernel = weight.flatten(2)[0].t().expand(len(x), -1, -1)
    maps = torch.bmm(kernel, x.flatten(2))  # [B, kernel positions, input positions]
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32)).unflatten(2, size)
    maps = F.pad(maps, [kernel_size // 2] * 2 * len(size))
    total = None
    for index, starts in enumerate(itertools.product(range(kernel_size), repeat=len(size))):
        window = [slice(start, start + extent, stride) for start, extent in zip(starts, size, strict=True)]
        shifted = maps[:, index : index + 1, *window]
        total = shifted if total is None else total + shifted
    assert total is not None
    return total
