"""Augmentation steps for series [B, C, L]; the label is passed through (Iwana and Uchida 2021 survey them).

Each step is `(x, y, draw) -> (x, y)`; `draw(n)` gives float32 [B, n], uniform in [0, 1).
"""

import math
from collections.abc import Callable

import torch

Draw = Callable[[int], torch.Tensor]
Batch = tuple[torch.Tensor, torch.Tensor]


def jitter(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Add noise of standard deviation 0.03 to every value."""
    return x + 0.03 * _bell(draw, x.shape[1:]), y


def scaling(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Multiply each channel by a random factor of mean 1 and standard deviation 0.1."""
    return x * (1 + 0.1 * _bell(draw, (x.shape[1], 1))), y


def shift(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Move by up to a tenth of the length, earlier or later; the end value is repeated."""
    length = x.shape[-1]
    reach = max(1, length // 10)
    offset = (draw(1) * (2 * reach + 1)).long() - reach
    source = (offset + torch.arange(length, device=x.device)).clamp(0, length - 1)
    return x.take_along_dim(source[:, None], dim=-1), y


def window_warp(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Play a window of a tenth of the length at half or double speed, then restore the length.

    After Le Guennec et al. (2016), Data augmentation for time series classification using convolutional networks.
    """
    length = x.shape[-1]
    window = max(1, length // 10)
    place, speed = draw(2).unbind(1)
    start = (place * (length - window)).floor()[:, None]
    stretch = torch.where(speed < 0.5, 0.5, 2.0)[:, None]
    warped = window * stretch
    # `time` runs through the warped series in `length` steps; it is mapped back to the original one, piece by piece.
    time = torch.arange(length, device=x.device) * ((length - 1 - window + warped) / max(1, length - 1))
    source = torch.where(time < start, time, start + (time - start) / stretch)
    source = torch.where(time < start + warped, source, time - warped + window).clamp(0, length - 1)
    before = source.floor()
    weight = (source - before)[:, None]
    early = x.take_along_dim(before.long()[:, None], dim=-1)
    late = x.take_along_dim((before.long() + 1).clamp(max=length - 1)[:, None], dim=-1)
    return early * (1 - weight) + late * weight, y


def _bell(draw: Draw, shape: torch.Size | tuple[int, ...]) -> torch.Tensor:
    """Noise [B, *shape] of mean 0 and variance 1: the scaled sum of four uniform numbers, nearly normal.

    Unlike a logarithm or a cosine, a sum has the same bits on every device and at every place of a vector.
    """
    a, b, c, d = draw(4 * math.prod(shape)).view(-1, 4, *shape).unbind(1)
    return ((a + b) + (c + d) - 2) * math.sqrt(3)
