"""The form without a kernel of each example's own: attentions on the data, one set of weights for the whole batch."""

from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Form, Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry
from dynconv.models.layers.dynamic.product import product
from dynconv.models.layers.dynamic.unfolding import fold, scaled

RUN = 16  # columns of the output that a scale is written out for
BUDGET = {"cpu": 2**19, "cuda": 2**26}  # elements that are unfolded at a time: on a CPU what its second cache holds


def convolve(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
    """W (scale[b] * patches(x[b])) for every kernel: [B, C, rows, columns] -> [B, n out, out rows, out columns].

    One matrix product for the batch, with the examples side by side in its columns: the weights are read as they lie.
    Kept for the backward pass are the inputs alone.

    Args:
        x: [B, C, rows, columns].
        weight: [n, out, C, positions of the kernel].
        scale: [B, C, positions], or None for ones.
        at: the geometry, with one group.
    """
    return _Shared.apply(x, weight, scale, at)


class _Shared(Form):
    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
        matrix = weight.flatten(2).flatten(0, 1).to(x.dtype)
        seen = _seen(at.patches(_padded(x, at)))
        z = x.new_empty(len(x), len(matrix), *at.out)
        height, width = at.out
        run = min(width, RUN)
        factor = _factor(scale, at, run)
        of_column = seen[:, :, :, 0, 0].numel()
        tall = max(1, max(BUDGET["cuda" if x.is_cuda else "cpu"], weight.numel()) // (of_column * run))
        for rows in (slice(top, top + tall) for top in range(0, height, tall)):
            for columns in (slice(left, left + run) for left in range(0, width, run)):
                tile = seen[:, :, :, rows, columns]
                unfolded = scaled(tile, None if factor is None else factor[:, :, :, :, : tile.shape[4]])
                y = product(matrix, unfolded.flatten(0, 2).flatten(1).t())
                z[:, :, rows, columns] = y.view(-1, *tile.shape[3:]).permute(3, 0, 1, 2)
        return z

    @staticmethod
    @or_plainly(plain.shared)
    def backward(ctx: Any, dz: torch.Tensor) -> Gradients:
        x, weight, scale = ctx.saved_tensors
        at, (need_x, need_weight, need_scale, _) = ctx.at, ctx.needs_input_grad
        filters = weight.flatten(0, 1)  # [n out, C, positions of the kernel]
        seen = _seen(at.patches(_padded(x, at)))
        rows = dz.permute(1, 2, 3, 0).reshape(len(filters), -1)
        # Not in 16 bits: the sum over the positions of the kernel would be rounded at each.
        dpadded = _padded(x, at, torch.promote_types(x.dtype, torch.float32), empty=True) if need_x else None
        dfilters = torch.empty_like(filters, memory_format=torch.contiguous_format) if need_weight else None
        dscale = torch.empty_like(scale, memory_format=torch.contiguous_format) if need_scale else None
        # By input channels: each needs its own part of the weights only, and gives its own part of every gradient.
        step = max(1, BUDGET["cuda" if x.is_cuda else "cpu"] // seen[0].numel())
        for channels in (slice(first, first + step) for first in range(0, x.shape[1], step)):
            part = seen[channels]
            factor = _factor(None if scale is None else scale[:, channels], at, at.out[1])
            if dfilters is not None:
                unfolded = scaled(part, factor).flatten(0, 2).flatten(1)
                dfilters[:, channels] = product(rows, unfolded).view(len(filters), -1, filters.shape[2])
            if dpadded is None and dscale is None:
                continue
            own = filters[:, channels].flatten(1).to(x.dtype)
            dunfolded = product(own.t(), rows.t()).view(part.shape)
            if dscale is not None:
                dscale[:, channels] = (dunfolded * part).sum((3, 4), dtype=scale.dtype).flatten(1, 2).permute(2, 0, 1)
            if dpadded is not None:
                fold(dunfolded, factor, _seen(at.patches(dpadded[:, channels])), (1, 2))
        dx = None if dpadded is None else at.inner(dpadded).to(x.dtype)
        return dx, None if dfilters is None else dfilters.view(weight.shape), dscale

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return torch.vmap(plain.shared, in_dims)(*args), 0


def _padded(x: torch.Tensor, at: Geometry, dtype: torch.dtype | None = None, empty: bool = False) -> torch.Tensor:
    """`x` with its padding (or zeros of that shape), the examples last in memory: they are the inner loop."""
    (top, left), (rows, columns) = at.padding, at.size
    size = (x.shape[1], rows + 2 * top, columns + 2 * left, len(x))
    padded = torch.zeros(size, dtype=dtype or x.dtype, device=x.device).permute(3, 0, 1, 2)
    if not empty:
        at.inner(padded).copy_(x)
    return padded


def _seen(patches: torch.Tensor) -> torch.Tensor:
    """Patches [B, C, *kernel, *out] -> [C, *kernel, *out, B], a view."""
    return patches.permute(1, 2, 3, 4, 5, 0)


def _factor(scale: torch.Tensor | None, at: Geometry, run: int) -> torch.Tensor | None:
    """The scale [B, C, positions of the kernel] of what is seen: [C, *kernel, 1, run, B].

    Written out for `run` columns of the output, so that they and the examples are one long inner loop for all that it
    multiplies.
    """
    if scale is None:
        return None
    factor = scale.permute(1, 2, 0).reshape(scale.shape[1], *at.kernel, 1, 1, len(scale))
    return factor.expand(-1, -1, -1, -1, run, -1).contiguous()
