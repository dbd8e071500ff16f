"""Where a convolution's kernel positions read and its outputs lie; series are images of height one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from dynconv.errors import DynconvError


class Tap(NamedTuple):
    """One kernel position: the outputs that it reaches, and what it reads for them, as slices of rows and columns."""

    position: int
    outputs: tuple[slice, slice]
    inputs: tuple[slice, slice]


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

    def taps(self) -> Iterator[Tap]:
        """Kernel positions that read anything but padding, each with the part of the output that it reaches."""
        spans = [[self._span(axis, position) for position in range(self.kernel[axis])] for axis in (0, 1)]
        for i, row in enumerate(spans[0]):
            for j, column in enumerate(spans[1]):
                if row and column:
                    yield Tap(i * self.kernel[1] + j, (row[0], column[0]), (row[1], column[1]))

    def _span(self, axis: int, position: int) -> tuple[slice, slice] | None:
        step = self.stride[axis]
        offset = position * self.dilation[axis] - self.padding[axis]  # output o reads input o * step + offset
        first = max(0, -(offset // step)) if offset < 0 else 0
        last = min(self.out[axis] - 1, (self.size[axis] - 1 - offset) // step)
        if last < first:
            return None
        start = first * step + offset
        return slice(first, last + 1), slice(start, last * step + offset + 1, step)

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [B, rows, columns, C] with its padding, contiguous."""
        rows, columns = self.padding
        return F.pad(x, (0, 0, columns, columns, rows, rows)).contiguous() if rows or columns else x.contiguous()

    def patches(self, padded: torch.Tensor) -> torch.Tensor:
        """What each output reads, a view without a copy: [B, out rows, out columns, kernel rows, kernel columns, C]."""
        b, row, column, c = padded.stride()
        return padded.as_strided(
            (len(padded), *self.out, *self.kernel, padded.shape[3]),
            (
                b,
                row * self.stride[0],
                column * self.stride[1],
                row * self.dilation[0],
                column * self.dilation[1],
                c,
            ),
            padded.storage_offset(),
        )


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
