"""Convolution of each example with a kernel of its own."""

import itertools
import math

import torch
import torch.nn.functional as F


def per_example_conv(
    x: torch.Tensor, kernels: torch.Tensor, kernel_size: int, stride: int, padding: int, dilation: int
) -> torch.Tensor:
    """y[b] = conv(x[b], kernels[b]): [B, in, *S] -> [B, out, *S'].

    Two ways with the same result: one convolution with a group an example, or a batched matrix product for each kernel
    position.  The convolution copies all kernels into its own layout, which takes the longer the fewer positions use
    them.  On CPU they cross where the output's positions are half of the filters (64-512 channels, 16-1024 positions).

    Args:
        x: [B, in, *S] with one or two axes S.
        kernels: [B, kernel positions, out, in]; the positions of an image's kernel row by row.
        kernel_size, stride, padding, dilation: the same on every axis.
    """
    batch, _, out, channels = kernels.shape
    size = [(extent + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1 for extent in x.shape[2:]]
    if 2 * math.prod(size) < out:
        taps = kernels.unbind(1)
        windows = _windows(x, kernel_size, stride, padding, dilation, size)
        y = torch.bmm(taps[0], windows[0])
        for kernel, window in zip(taps[1:], windows[1:], strict=True):
            y = torch.baddbmm(y, kernel, window)
    else:
        conv = F.conv1d if len(size) == 1 else F.conv2d
        grouped = kernels.permute(0, 2, 3, 1).reshape(batch * out, channels, *[kernel_size] * len(size))
        y = conv(x.reshape(1, -1, *x.shape[2:]), grouped, None, stride, padding, dilation, batch)
    return y.view(batch, out, *size)


def _windows(
    x: torch.Tensor, kernel_size: int, stride: int, padding: int, dilation: int, size: list[int]
) -> list[torch.Tensor]:
    """What each kernel position sees, [B, in, output positions]."""
    padded = F.pad(x, [padding] * 2 * len(size)) if padding else x
    windows = []
    for starts in itertools.product(range(0, dilation * kernel_size, dilation), repeat=len(size)):
        window = [slice(a, a + stride * (n - 1) + 1, stride) for a, n in zip(starts, size, strict=True)]
        windows.append(padded[:, :, *window].flatten(2))
    return windows
