"""The form that mixes a kernel for each example and multiplies it with what the kernel's positions see."""

from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Form, Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry
from dynconv.models.layers.dynamic.portions import portions
from dynconv.models.layers.dynamic.product import product, products
from dynconv.models.layers.dynamic.unfolding import fold, scaled


def convolve(
    x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, attention: torch.Tensor, at: Geometry
) -> torch.Tensor:
    """K[b] (scale[b] * patches(x[b])) with K[b] = sum_n a[b, n] W_n: [B, C, rows, columns] -> [B, out, ...].

    Examples are taken a few at a time, so that neither their kernels nor their columns fill the memory; nothing of them
    is kept: the backward pass mixes and unfolds again.

    Args:
        x: [B, C, rows, columns].
        weight: [n, out, C, positions of the kernel].
        scale: [B, C, positions], or None for ones.
        attention: of the kernels, [B, n].
        at: the geometry, with one group.
    """
    return _Mixed.apply(x, weight, scale, attention, at)


class _Mixed(Form):
    @staticmethod
    def forward(
        x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, attention: torch.Tensor, at: Geometry
    ) -> torch.Tensor:
        patches, mixture, out = at.patches(at.padded(x)), _Mixture(weight), weight.shape[1]
        y = x.new_empty(len(x), out, *at.out)
        for part in portions(len(x), patches[0].numel() + weight[0].numel(), x.device):
            columns = _columns(patches[part], _factor(scale, part, patches))
            kernels = mixture(attention[part]).to(x.dtype)
            y[part] = products(kernels, columns.mT).view(-1, out, *at.out)
        return y

    @staticmethod
    @or_plainly(plain.mixed)
    def backward(ctx: Any, dy: torch.Tensor) -> Gradients:
        x, weight, scale, attention = ctx.saved_tensors
        at, (need_x, need_weight, need_scale, need_attention, _) = ctx.at, ctx.needs_input_grad
        padded, mixture = at.padded(x), _Mixture(weight)
        patches, flat = at.patches(padded), mixture.flat
        # Not in 16 bits: sums over examples and over positions of the kernel would be rounded at each.
        wide = torch.promote_types(x.dtype, torch.float32)
        dflat = torch.zeros_like(flat, dtype=wide) if need_weight else None
        dattention = torch.empty_like(attention) if need_attention else None
        dscale = torch.empty_like(scale, memory_format=torch.contiguous_format) if need_scale else None
        dpadded = torch.zeros_like(padded, dtype=wide) if need_x else None
        for part in portions(len(x), 2 * (patches[0].numel() + weight[0].numel()), x.device):
            factor = _factor(scale, part, patches)
            rows = dy[part].flatten(2)
            if dflat is not None or dattention is not None:
                dkernels = products(rows, _columns(patches[part], factor)).flatten(1).to(weight.dtype)
                if dattention is not None:
                    dattention[part] = product(dkernels, flat)
                if dflat is not None:
                    dflat.addmm_(attention[part].t().to(dflat.dtype), dkernels.to(dflat.dtype))
            if dpadded is not None or dscale is not None:
                kernels = mixture(attention[part]).to(x.dtype)
                dcolumns = products(kernels.mT, rows.mT).view(patches[part].shape)
                if dscale is not None:
                    dscale[part] = (dcolumns * patches[part]).sum((4, 5), dtype=scale.dtype).flatten(2)
                if dpadded is not None:
                    fold(dcolumns, factor, at.patches(dpadded[part]), (2, 3))
        dx = None if dpadded is None else at.inner(dpadded).to(x.dtype)
        return dx, None if dflat is None else dflat.to(weight.dtype).view(weight.shape), dscale, dattention

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return torch.vmap(plain.mixed, in_dims)(*args), 0


class _Mixture:
    """The kernels of a few examples, always in the same memory: new memory costs more than what is written to it."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.flat = weight.reshape(len(weight), -1)
        self.filters = weight.shape[1]
        self.memory = weight.new_empty(0)

    def __call__(self, attention: torch.Tensor) -> torch.Tensor:
        """[b, n] -> kernels [b, out, C * positions]."""
        if len(self.memory) < len(attention):
            self.memory = self.flat.new_empty(len(attention), self.flat.shape[1])
        kernels = torch.mm(attention, self.flat, out=self.memory[: len(attention)])
        return kernels.view(len(attention), self.filters, -1)


def _factor(scale: torch.Tensor | None, part: slice, patches: torch.Tensor) -> torch.Tensor | None:
    """The scale [B, C, positions of the kernel] of some examples' `patches`: [b, C, *kernel, 1, 1]."""
    return None if scale is None else scale[part].reshape(-1, *patches.shape[1:4], 1, 1)


def _columns(patches: torch.Tensor, factor: torch.Tensor | None) -> torch.Tensor:
    """Patches [b, C, *kernel, *out], copied and scaled: [b, C * positions of the kernel, output positions]."""
    return scaled(patches, factor).flatten(1, 3).flatten(2)
