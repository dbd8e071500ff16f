"""The form that mixes a kernel for each example and multiplies it with what the kernel's positions see."""

from collections.abc import Iterator
from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry
from dynconv.models.layers.dynamic.product import product, products

# Elements of the kernels and columns that exist at a time: on a CPU about what its last cache holds.
WORKSPACE = {"cpu": 2**23, "cuda": 2**28}


def convolve(
    x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, attention: torch.Tensor, at: Geometry
) -> torch.Tensor:
    """K[b] (scale[b] * patches(x[b])) with K[b] = sum_n a[b, n] W_n: [B, C, rows, columns] -> [B, out, ...].

    Examples are taken a few at a time, so that neither their kernels nor their columns fill the memory; nothing of them
    is kept: the backward pass mixes and unfolds again.

    Args:
        x: [B, C, rows, columns].
        weight: [n, out, C, positions of the kernel].
        scale: [B, positions, C], or None for ones.
        attention: of the kernels, [B, n].
        at: the geometry, with one group.
    """
    return _Mixed.apply(x, weight, scale, attention, at)


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(
        x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, attention: torch.Tensor, at: Geometry
    ) -> torch.Tensor:
        flat, padded = _flat(weight), at.padded(x.permute(0, 2, 3, 1))
        out = weight.shape[1]
        y = torch.empty(len(x), out, *at.out, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        last, mixture = y.permute(0, 2, 3, 1), _Mixture(flat)
        for part in _parts(len(x), weight, at):
            columns = _columns(at.patches(padded[part]), None if scale is None else scale[part])
            kernels = mixture(attention[part]).view(len(columns), out, -1).to(x.dtype)
            last[part] = products(columns.flatten(1, 2).flatten(2), kernels).view(-1, *at.out, out)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        *tensors, ctx.at = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @or_plainly(plain.mixed)
    def backward(ctx: Any, dy: torch.Tensor) -> Gradients:
        x, weight, scale, attention = ctx.saved_tensors
        at, need = ctx.at, ctx.needs_input_grad
        flat, padded = _flat(weight), at.padded(x.permute(0, 2, 3, 1))
        out, fan = weight.shape[1], flat.shape[1] // weight.shape[1]
        dy = dy.permute(0, 2, 3, 1).reshape(len(x), -1, out)
        dflat = torch.zeros_like(flat) if need[1] else None
        dattention = torch.empty_like(attention) if need[3] else None
        dscale = None if scale is None or not need[2] else torch.empty_like(scale)
        # Not in 16 bits: the sum of nine would be rounded nine times.
        dpadded = torch.zeros_like(padded, dtype=torch.promote_types(x.dtype, torch.float32)) if need[0] else None
        mixture = _Mixture(flat)
        for part in _parts(len(x), weight, at):
            b, patches = len(x[part]), at.patches(padded[part])
            factor = None if scale is None else scale[part]
            if dflat is not None or dattention is not None:
                columns = _columns(patches, factor).view(b, -1, fan)
                dkernels = products(dy[part].mT, columns.mT).view(b, -1).to(weight.dtype)
                if dattention is not None:
                    dattention[part] = product(dkernels, flat)
                if dflat is not None:
                    dflat.addmm_(attention[part].t(), dkernels)
            if dpadded is not None or dscale is not None:
                kernels = mixture(attention[part]).view(b, out, fan).to(x.dtype)
                dcolumns = products(dy[part], kernels.mT).view(patches.shape)
                if dscale is not None:
                    dscale[part] = (dcolumns * patches).sum((1, 2), dtype=scale.dtype).flatten(1, 2)
                if dpadded is not None:
                    _fold(dcolumns, factor, at.patches(dpadded[part]))
        dx = None
        if dpadded is not None:
            (top, left), (rows, columns_) = at.padding, at.size
            dx = dpadded[:, top : top + rows, left : left + columns_].to(x.dtype).permute(0, 3, 1, 2)
        dweight = None if dflat is None else dflat.view(*weight.shape[:2], -1, weight.shape[2]).mT.reshape(weight.shape)
        return dx, dweight, dscale, dattention

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return torch.vmap(plain.mixed, in_dims)(*args), 0


def _flat(weight: torch.Tensor) -> torch.Tensor:
    """[n, out, C, positions] -> [n, out * positions * C]: the order in which the columns come."""
    return weight.mT.reshape(len(weight), -1)


class _Mixture:
    """The kernels of a few examples, always in the same memory: new memory costs more than what is written to it."""

    def __init__(self, flat: torch.Tensor) -> None:
        self.flat = flat
        self.memory = flat.new_empty(0)

    def __call__(self, attention: torch.Tensor) -> torch.Tensor:
        if len(self.memory) < len(attention):
            self.memory = self.flat.new_empty(len(attention), self.flat.shape[1])
        return torch.mm(attention, self.flat, out=self.memory[: len(attention)])


def _parts(batch: int, weight: torch.Tensor, at: Geometry) -> Iterator[slice]:
    positions, (out, channels, taps) = at.out[0] * at.out[1], weight.shape[1:]
    step = max(1, WORKSPACE["cuda" if weight.is_cuda else "cpu"] // (taps * channels * (positions + out)))
    return (slice(start, start + step) for start in range(0, batch, step))


def _columns(patches: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
    """Patches [b, out rows, out columns, *kernel, C], copied and scaled."""
    if scale is None:
        return patches.contiguous()
    factor = scale.view(len(scale), 1, 1, *patches.shape[3:])
    return torch.mul(patches, factor, out=torch.empty(patches.shape, dtype=patches.dtype, device=patches.device))


def _fold(columns: torch.Tensor, scale: torch.Tensor | None, into: torch.Tensor) -> None:
    """Add columns, scaled in place, to what they were read from: the patches `into` overlap, so one position a time."""
    if scale is not None:
        columns.mul_(scale.view(len(scale), 1, 1, *columns.shape[3:]))
    for i in range(columns.shape[3]):
        for j in range(columns.shape[4]):
            into[:, :, :, i, j] += columns[:, :, :, i, j]
