"""Convolution of each example with a kernel of its own."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F


class Geometry(NamedTuple):
    """A convolution but for its channels; the same on every axis."""

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def output(self, size: Sequence[int]) -> list[int]:
        """The extents of the output for those of the input."""
        reach = self.dilation * (self.kernel_size - 1) + 1
        return [(extent + 2 * self.padding - reach) // self.stride + 1 for extent in size]


def per_example_conv(x: torch.Tensor, kernels: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """y[b] = conv(x[b], kernels[b]): [B, in, *S] -> [B, out, *S'].

    Two ways with the same result: one convolution with a group an example, or a batched matrix product for each kernel
    position.  The convolution copies all kernels into its own layout, which takes the longer the fewer positions use
    them.  On CPU they cross where the output's positions are half of the filters (64-512 channels, 16-1024 positions).

    Args:
        x: [B, in, *S] with one or two axes S.
        kernels: [B, kernel positions, out, in]; the positions of an image's kernel row by row.
        geometry: of the convolution.
    """
    batch, _, out, channels = kernels.shape
    size = geometry.output(x.shape[2:])
    if 2 * math.prod(size) < out:
        taps, read = kernels.unbind(1), windows(x, geometry)
        y = torch.bmm(taps[0], read[0])
        for kernel, window in zip(taps[1:], read[1:], strict=True):
            y = torch.baddbmm(y, kernel, window)
    else:
        conv = F.conv1d if len(size) == 1 else F.conv2d
        grouped = kernels.permute(0, 2, 3, 1).reshape(batch * out, channels, *[geometry.kernel_size] * len(size))
        y = conv(x.reshape(1, -1, *x.shape[2:]), grouped, None, *geometry[1:], batch)
    return y.view(batch, out, *size)


def windows(x: torch.Tensor, geometry: Geometry) -> list[torch.Tensor]:
    """What each kernel position sees of `x` [B, in, *S]: [B, in, output positions] each."""
    kernel_size, stride, padding, dilation = geometry
    size = geometry.output(x.shape[2:])
    padded = F.pad(x, [padding] * 2 * len(size)) if padding else x
    seen = []
    for starts in itertools.product(range(0, dilation * kernel_size, dilation), repeat=len(size)):
        window = [slice(a, a + stride * (n - 1) + 1, stride) for a, n in zip(starts, size, strict=True)]
        seen.append(padded[:, :, *window].flatten(2))
    return seen
