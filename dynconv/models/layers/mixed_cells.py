"""Convolution with kernels assembled from mixtures of shared cells: two exact ways to compute it."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from dynconv.models.layers.per_example import Geometry, per_example_conv, windows

WRITE = 32  # what it costs to write one weight of one example's kernel and to read it again, in multiply-adds


def mixed_cells_conv(
    x: torch.Tensor, alpha: torch.Tensor, cells: torch.Tensor, out: int, geometry: Geometry
) -> torch.Tensor:
    """Convolve each example with a kernel of its own: [B, in, *S] -> [B, out, *S'].

    Part i of the kernel of example b is sum_j alpha[b, i, j] cells[j].  The parts are counted kernel position by
    position, in each block of filters by block, in each block of input channels by block.

    Args:
        x: [B, in, *S] with one or two axes S.
        alpha: attentions [B, parts, n].
        cells: [n, rows, columns], whose last two divide `out` and `in`.
        out: number of filters.
        geometry: of the convolution.
    """
    size = geometry.output(x.shape[2:])
    alpha = alpha.view(len(x), geometry.kernel_size ** len(size), out // cells.shape[1], -1, len(cells))
    if sharing_pays(alpha.shape[1:4], cells.shape, math.prod(size)):
        return shared(x, alpha, cells, geometry).view(len(x), out, *size)
    return aggregate(x, alpha, cells, geometry)


def sharing_pays(blocks: Sequence[int], cells: Sequence[int], positions: int) -> bool:
    """Is `shared` faster than `aggregate`, for a kernel of `blocks` (positions, of filters, of input channels)?

    By their multiply-adds, over those that one part takes at one position.  Measured on CPU, one thread, forward and
    backward, 64-512 channels, 27-188 cells, 4-256 positions: right in all of ten cases, by factors of 0.1 to 6.
    """
    taps, _, groups = blocks
    n, rows, _ = cells
    return n * positions * (1 + taps * groups / rows) < (n + positions + WRITE) * taps * groups


def aggregate(x: torch.Tensor, alpha: torch.Tensor, cells: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Write the kernel of every example, then convolve: weights * (n + positions) multiply-adds an example.

    `alpha` [B, kernel positions, blocks of filters, blocks of input channels, n].
    """
    batch, taps, filters, groups, _ = alpha.shape
    _, rows, columns = cells.shape
    parts = (alpha @ cells.flatten(1)).view(batch, taps, filters, groups, rows, columns)
    kernels = parts.transpose(3, 4).reshape(batch, taps, filters * rows, groups * columns)
    return per_example_conv(x, kernels, geometry)


def shared(x: torch.Tensor, alpha: torch.Tensor, cells: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Mix what the cells read, then apply all cells at once, for every example the same: [B, out, positions].

    out * columns * n * positions multiply-adds an example, and no kernel is ever written.  Shapes as in `aggregate`.
    """
    batch, taps, filters, groups, n = alpha.shape
    _, rows, columns = cells.shape
    read = torch.stack(windows(x, geometry), 1).view(batch, taps * groups, -1)  # [.., columns * positions]
    weights = alpha.permute(0, 2, 4, 1, 3).reshape(batch, filters * n, taps * groups)
    mixed = torch.bmm(weights, read).view(batch * filters, n * columns, -1).transpose(1, 2)
    y = F.linear(mixed, cells.transpose(0, 1).reshape(rows, n * columns))  # [B * filters, positions, rows]
    return y.transpose(1, 2).reshape(batch, filters * rows, -1)
