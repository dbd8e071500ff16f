"""The form without a kernel of each example's own: attentions on the data, one set of weights for the whole batch."""

from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry
from dynconv.models.layers.dynamic.portions import portions
from dynconv.models.layers.dynamic.product import product


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


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
        patches, matrix = at.patches(_padded(x, at)), weight.flatten(2).flatten(0, 1).to(x.dtype)
        z = x.new_empty(len(x), len(matrix), *at.out)
        for part in portions(len(x), patches[0].numel(), x.device):
            seen = patches[part].permute(1, 2, 3, 4, 5, 0)
            columns = _columns(seen, _factor(scale, part, seen))
            y = product(matrix, columns.flatten(0, 2).flatten(1).t())
            z[part] = y.view(len(matrix), *at.out, -1).permute(3, 0, 1, 2)
        return z

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        *tensors, ctx.at = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @or_plainly(plain.shared)
    def backward(ctx: Any, dz: torch.Tensor) -> Gradients:
        x, weight, scale = ctx.saved_tensors
        at, (need_x, need_weight, need_scale, _) = ctx.at, ctx.needs_input_grad
        patches, matrix = at.patches(_padded(x, at)), weight.flatten(2).flatten(0, 1).to(x.dtype)
        # Not in 16 bits: the sum over the positions of the kernel would be rounded at each.
        wide = torch.promote_types(x.dtype, torch.float32)
        dpadded = _padded(x, at, wide, empty=True) if need_x else None
        dmatrix = None
        dscale = torch.empty_like(scale, memory_format=torch.contiguous_format) if need_scale else None
        for part in portions(len(x), 2 * patches[0].numel(), x.device):
            rows = dz[part].permute(1, 2, 3, 0).reshape(len(matrix), -1)
            seen = patches[part].permute(1, 2, 3, 4, 5, 0)
            factor = _factor(scale, part, seen)
            if need_weight:
                columns = _columns(seen, factor).flatten(0, 2).flatten(1)
                share = product(rows, columns).to(weight.dtype)
                dmatrix = share if dmatrix is None else dmatrix.add_(share)
            if dpadded is None and dscale is None:
                continue
            dcolumns = product(matrix.t(), rows.t()).view(seen.shape)
            if dscale is not None:
                dscale[part] = (dcolumns * seen).sum((3, 4), dtype=scale.dtype).flatten(1, 2).permute(2, 0, 1)
            if dpadded is not None:
                _fold(dcolumns, factor, at.patches(dpadded[part]).permute(1, 2, 3, 4, 5, 0))
        dx = None if dpadded is None else at.inner(dpadded).to(x.dtype)
        return dx, None if dmatrix is None else dmatrix.view(weight.shape), dscale

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


def _factor(scale: torch.Tensor | None, part: slice, seen: torch.Tensor) -> torch.Tensor | None:
    """The scale of what is seen [C, *kernel, *out, b]: [C, *kernel, 1, out columns, b].

    Written out along a row of the output, so that row and examples are one long inner loop for all that it multiplies.
    """
    if scale is None:
        return None
    c, rows, columns, _, width, b = seen.shape
    factor = scale[part].permute(1, 2, 0).reshape(c, rows, columns, 1, 1, b)
    return factor.expand(-1, -1, -1, -1, width, -1).contiguous()


def _columns(seen: torch.Tensor, factor: torch.Tensor | None) -> torch.Tensor:
    """What is seen, copied and scaled."""
    if factor is None:
        return seen.contiguous()
    return torch.mul(seen, factor, out=torch.empty(seen.shape, dtype=seen.dtype, device=seen.device))


def _fold(columns: torch.Tensor, factor: torch.Tensor | None, into: torch.Tensor) -> None:
    """Add scaled columns to what they were read from: `into` overlaps itself, so one kernel position at a time."""
    for i in range(into.shape[1]):
        for j in range(into.shape[2]):
            if factor is None:
                into[:, i, j] += columns[:, i, j]
            else:
                into[:, i, j].addcmul_(columns[:, i, j], factor[:, i, j])
