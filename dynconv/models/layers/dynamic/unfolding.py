"""Unfolded inputs: what the kernel's positions see, scaled; and the way back."""

import torch


def scaled(seen: torch.Tensor, factor: torch.Tensor | None) -> torch.Tensor:
    """What is seen (an overlapping view), times `factor`, as a contiguous copy."""
    if factor is None:
        return seen.contiguous()
    return torch.mul(seen, factor, out=torch.empty(seen.shape, dtype=seen.dtype, device=seen.device))


def fold(columns: torch.Tensor, factor: torch.Tensor | None, into: torch.Tensor, kernel: tuple[int, int]) -> None:
    """Add columns, times `factor`, to what they were read from.

    `into` overlaps itself, so one kernel position at a time.

    Args:
        columns: as they were seen.
        factor: of the same axes, or None for ones.
        into: the view that they were read through, of the gradient.
        kernel: which two axes of all three are the kernel's.
    """
    columns, into = (tensor.movedim(kernel, (0, 1)) for tensor in (columns, into))
    factor = None if factor is None else factor.movedim(kernel, (0, 1))
    for i in range(into.shape[0]):
        for j in range(into.shape[1]):
            if factor is None:
                into[i, j] += columns[i, j]
            else:
                into[i, j].addcmul_(columns[i, j], factor[i, j])
