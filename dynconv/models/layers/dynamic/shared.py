"""The form without a kernel of each example's own: attentions on the data, one set of weights for the whole batch."""

from collections.abc import Iterator
from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry, Tap
from dynconv.models.layers.dynamic.product import product

PORTION = 2**22  # elements


def convolve(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
    """sum_t W[:, :, t] (scale[b, :, t] * x shifted by t): [B, C, rows, columns] -> [B, n out, out rows, out columns].

    One matrix product a kernel position t, over the outputs that it reaches: positions that read padding cost nothing
    (20 of 36 on a map of 2x2).  Kept for the backward pass are the inputs alone.

    Args:
        x: [B, C, rows, columns].
        weight: [n, out, C, positions of the kernel].
        scale: [B, positions, C], or None for ones.
        at: the geometry, with one group.
    """
    return _Shared.apply(x, weight, scale, at)


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
        filters, dtype = weight.flatten(0, 1), torch.promote_types(x.dtype, torch.float32)
        z = torch.empty(len(x), len(filters), *at.out, dtype=dtype, device=x.device, memory_format=torch.channels_last)
        sums, x = z.zero_().permute(0, 2, 3, 1), _last(x)  # not in 16 bits: the sum of nine would be rounded nine times
        for some in _some(filters):
            by_tap = filters[some].to(x.dtype).mT.contiguous()
            for tap in at.taps():
                read = _read(x, scale, tap)
                y = product(read.flatten(0, 2), by_tap[:, tap.position])
                sums[:, *tap.outputs, some] += y.view(*read.shape[:3], -1)
        return z.to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        *tensors, ctx.at = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @or_plainly(plain.shared)
    def backward(ctx: Any, dy: torch.Tensor) -> Gradients:
        x, weight, scale = ctx.saved_tensors
        x, dz, filters = _last(x), _last(dy), weight.flatten(0, 1)
        need_x, need_weight, need_scale, _ = ctx.needs_input_grad
        dx = torch.zeros_like(x, dtype=torch.promote_types(x.dtype, torch.float32)) if need_x else None
        dfilters = torch.empty_like(filters) if need_weight else None
        dscale = torch.zeros_like(scale, memory_format=torch.contiguous_format) if need_scale else None
        for some in _some(filters):
            by_tap = filters[some].to(x.dtype).mT.contiguous()
            dby_tap = torch.zeros_like(by_tap, dtype=weight.dtype) if need_weight else None
            for tap in ctx.at.taps():
                part = dz[:, *tap.outputs, some]
                rows = part.reshape(-1, part.shape[3])
                if dby_tap is not None:
                    dby_tap[:, tap.position] = product(rows.t(), _read(x, scale, tap).flatten(0, 2).t())
                if dx is None and dscale is None:
                    continue
                dread = product(rows, by_tap[:, tap.position].t()).view(*part.shape[:3], -1)
                if dscale is not None:
                    dscale[:, tap.position] += (dread * x[:, *tap.inputs]).sum((1, 2), dtype=scale.dtype)
                if dx is not None and scale is None:
                    dx[:, *tap.inputs] += dread
                elif dx is not None:
                    dx[:, *tap.inputs].addcmul_(dread, scale[:, tap.position, None, None])
            if dfilters is not None and dby_tap is not None:
                dfilters[some] = dby_tap.mT
        dweight = None if dfilters is None else dfilters.view(weight.shape)
        return None if dx is None else dx.to(x.dtype).permute(0, 3, 1, 2), dweight, dscale

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return torch.vmap(plain.shared, in_dims)(*args), 0


def _last(x: torch.Tensor) -> torch.Tensor:
    """[B, C, rows, columns] -> [B, rows, columns, C], contiguous."""
    return x.permute(0, 2, 3, 1).contiguous()


def _some(filters: torch.Tensor) -> Iterator[slice]:
    """Filters in portions whose weights stay in a processor's cache while they are reordered and used."""
    step = max(1, PORTION // filters[0].numel())
    return (slice(start, start + step) for start in range(0, len(filters), step))


def _read(x: torch.Tensor, scale: torch.Tensor | None, tap: Tap) -> torch.Tensor:
    """What a tap reads of `x` [B, rows, columns, C], scaled and contiguous."""
    read = x[:, *tap.inputs]
    if scale is None:
        return read.contiguous()
    out = torch.empty(read.shape, dtype=x.dtype, device=x.device)
    return torch.mul(read, scale[:, tap.position, None, None], out=out)
