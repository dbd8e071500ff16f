"""Augmentation steps for images [B, C, H, W] and, where the target is a mask [B, H, W], for both alike.

Each step is `(x, y, draw) -> (x, y)`; `draw(n)` gives float32 [B, n], uniform in [0, 1).  Arithmetic is elementwise or
within one example, so that an example's bits do not depend on its batch.  The steps that move or blank whole pixels
(flip, pad_crop, cutout) compute no value and take x of any dtype.

Moving pixels is copying memory.  On a CPU, `index_select` of long contiguous rows is several times faster than indices
of single pixels and, on bytes, than `where`; no size depends on the draw, so that a GPU need not wait for one.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from dynconv.data.base import VOID

Draw = Callable[[int], torch.Tensor]
Batch = tuple[torch.Tensor, torch.Tensor]


def flip(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Mirror left and right with probability 1/2."""
    mirrored = draw(1)[:, 0] < 0.5
    x = _mirror(x, mirrored)
    return x, _mirror(y, mirrored) if y.ndim == 3 else y


def pad_crop(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Move by up to 4 pixels each way (up to 1/8 of the side below 32 pixels); whole pixels, nothing is resampled."""
    height, width = x.shape[-2:]
    pad = min(4, max(1, min(height, width) // 8))
    offset = (draw(2) * (2 * pad + 1)).long()
    x = _window(F.pad(x, (pad,) * 4), offset, height, width)
    if y.ndim == 3:
        y = _window(F.pad(y[:, None], (pad,) * 4, value=VOID), offset, height, width)[:, 0]
    return x, y


def random_resized_crop(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Resample a random part to the full size: 25-100 % of the area, aspect ratio 3/4 to 4/3 (Szegedy et al. 2015).

    The lower end is milder than the 8 % usual at 224 pixels: these images are small.
    """
    area, aspect, top, left = draw(4).unbind(1)
    area, aspect = 0.25 + 0.75 * area, 0.75 + (4 / 3 - 0.75) * aspect
    height, width = (area / aspect).sqrt().clamp(max=1), (area * aspect).sqrt().clamp(max=1)
    return _resample(x, y, top * (1 - height), left * (1 - width), height, width)


def cutout(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Blank a square of half the side at a random place, which may reach over the border (DeVries and Taylor 2017)."""
    height, width = x.shape[-2:]
    half = max(1, min(height, width) // 4)
    centre = draw(2)
    rows = (torch.arange(height, device=x.device) - (centre[:, :1] * height).floor() + 0.5).abs() < half
    columns = (torch.arange(width, device=x.device) - (centre[:, 1:] * width).floor() + 0.5).abs() < half
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0), y


def scale_crop(x: torch.Tensor, y: torch.Tensor, draw: Draw) -> Batch:
    """Enlarge or shrink by 0.5 to 2 (uniform), then crop or pad to the same size, as usual on Pascal VOC.

    The image is resampled bilinearly, the mask by the nearest pixel; outside is void.
    """
    scale, top, left = draw(3).unbind(1)
    part = 1 / (0.5 + 1.5 * scale)  # of the image's side that is seen: 2 (shrunk) to 1/2 (enlarged)
    return _resample(x, y, top * (1 - part), left * (1 - part), part, part)


def _mirror(x: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Left and right exchanged where `mirrored` (bool [B])."""
    both = torch.cat([x, x.flip(-1)])
    return both.index_select(0, torch.arange(len(x), device=x.device) + len(x) * mirrored)


def _window(x: torch.Tensor, offset: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """From each of x [B, C, H, W] the window whose first row and column are `offset` (int64 [B, 2])."""
    batch, channels, rows, columns = x.shape
    # In memory a window runs without a gap from its first pixel to its last, if the rows keep their length.
    length = ((channels - 1) * rows + height - 1) * columns + width
    first = torch.arange(batch, device=x.device) * x[0].numel() + offset[:, 0] * columns + offset[:, 1]
    windows = x.flatten().unfold(0, length, 1).index_select(0, first)
    return windows.as_strided((batch, channels, height, width), (length, rows * columns, columns, 1)).contiguous()


def _resample(
    x: torch.Tensor, y: torch.Tensor, top: torch.Tensor, left: torch.Tensor, height: torch.Tensor, width: torch.Tensor
) -> Batch:
    """Resample the box, given in fractions [B] of the image's sides, to the image's size."""
    rows, columns = (
        2 * (start[:, None] + size[:, None] * _centres(n, x.device)) - 1
        for start, size, n in ((top, height, x.shape[-2]), (left, width, x.shape[-1]))
    )
    shape = (len(x), *x.shape[-2:])
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=-1)
    outside = (grid.abs() > 1).any(-1)
    # "border" within the image, so that its outermost pixels are not blended with the fill.
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    x = x.masked_fill(outside[:, None], 0)
    if y.ndim == 3:
        classes = y[:, None].to(torch.float32)  # exact: small integers
        y = F.grid_sample(classes, grid, mode="nearest", padding_mode="border", align_corners=False)[:, 0].long()
        y = y.masked_fill(outside, VOID)
    return x, y


def _centres(n: int, device: torch.device) -> torch.Tensor:
    return (torch.arange(n, device=device) + 0.5) / n
