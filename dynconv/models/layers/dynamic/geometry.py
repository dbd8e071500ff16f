"""Where a convolution's kernel positions read and its outputs lie; series are images of height one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from dynconv.errors import DynconvError


class Geometry(NamedTuple):
    """Extents and steps of a convolution along rows and columns."""

    size: tuple[int, int]  # of the input
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def out(self) -> tuple[int, int]:
        """Output rows and columns."""
        rows, columns = (
            (self.size[a] + 2 * self.padding[a] - self.dilation[a] * (self.kernel[a] - 1) - 1) // self.stride[a] + 1
            for a in (0, 1)
        )
        return rows, columns

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [B, C, rows, columns] with its padding, contiguous."""
        rows, columns = self.padding
        return F.pad(x, (columns, columns, rows, rows)).contiguous() if rows or columns else x.contiguous()

    def inner(self, padded: torch.Tensor) -> torch.Tensor:
        """The part of `padded` [B, C, ...] that is no padding, a view."""
        (top, left), (rows, columns) = self.padding, self.size
        return padded[:, :, top : top + rows, left : left + columns]

    def patches(self, padded: torch.Tensor) -> torch.Tensor:
        """What each output reads of `padded`, a view: [B, C, kernel rows, kernel columns, out rows, out columns].

        Whatever the order of `padded` in memory.
        """
        b, c, row, column = padded.stride()
        steps = [row * self.dilation[0], column * self.dilation[1], row * self.stride[0], column * self.stride[1]]
        shape = (*padded.shape[:2], *self.kernel, *self.out)
        return padded.as_strided(shape, (b, c, *steps), padded.storage_offset())


def geometry(x: torch.Tensor, kernel: Sequence[int], stride: int, padding: int, dilation: int, groups: int) -> Geometry:
    """The geometry of convolving `x` [B, C, *S], one or two axes S, by a kernel of that many axes.

    Raises:
        DynconvError: the kernel does not fit into the padded input.
    """

    def both(value: int, otherwise: int) -> tuple[int, int]:
        return (value, value) if x.dim() == 4 else (otherwise, value)

    size, extents = ((1, *x.shape[2:]), (1, *kernel)) if x.dim() == 3 else (x.shape[2:], kernel)
    at = Geometry(
        (size[0], size[1]), (extents[0], extents[1]), both(stride, 1), both(padding, 0), both(dilation, 1), groups
    )
    if min(at.out) < 1:
        raise DynconvError(
            f"dynamic convolution: a kernel of {kernel[0]} with dilation {dilation} is larger than the input of "
            f"{min(x.shape[2:])} with padding {padding}; valid: a kernel that fits"
        )
    return at


def memory_format(x: torch.Tensor) -> torch.memory_format:
    """In which torch's convolutions return their output for `x` [B, C, rows, columns].

    By the strides: `is_contiguous` of a memory format is not for vmap.
    """
    return torch.channels_last if x.stride(1) == 1 and x.shape[1] > 1 else torch.contiguous_format
