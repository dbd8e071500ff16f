"""The form that makes a whole kernel for each example and leaves the convolving to torch."""

from collections.abc import Iterator
from typing import Any

import torch

from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.backward import Form, Gradients, or_plainly
from dynconv.models.layers.dynamic.geometry import Geometry, memory_format
from dynconv.models.layers.dynamic.product import product

# Kernel elements of one call, a group an example.  Few groups of large kernels are slow in every library.
TOGETHER = 2**18

convolution = torch.ops.aten.convolution
convolution_backward = torch.ops.aten.convolution_backward


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor | None,
    filters: torch.Tensor | None,
    attention: torch.Tensor | None,
    at: Geometry,
) -> torch.Tensor:
    """conv(x[b], K[b]), K[b] = filter[b] scale[b] sum_n a[b, n] W_n: [B, C, rows, columns] -> [B, out, ...].

    Right where there are many positions for each weight: every attention is then cheaper on the kernel than on the
    data.  A few examples at a time; kept for the backward pass are the inputs alone.

    Args:
        x: [B, C, rows, columns].
        weight: [n, out, C / groups, positions of the kernel].
        scale: [B, C, positions], or None for ones.
        filters: [B, out], or None for ones.
        attention: of the kernels, [B, n]; None for n = 1.
        at: the geometry.
    """
    return _Direct.apply(x, weight, scale, filters, attention, at)


class _Direct(Form):
    @staticmethod
    def forward(
        x: torch.Tensor,
        weight: torch.Tensor,
        scale: torch.Tensor | None,
        filters: torch.Tensor | None,
        attention: torch.Tensor | None,
        at: Geometry,
    ) -> torch.Tensor:
        size = (len(x), weight.shape[1], *at.out)
        y = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=memory_format(x))
        for part in _parts(len(x), weight):
            mixture = _mixture(weight, attention, part, at.groups)
            kernels = _scaled(mixture, *_factors(scale, filters, part, at.groups))
            y[part] = _convolve(x[part], kernels, at)
        return y

    @staticmethod
    @or_plainly(plain.direct)
    def backward(ctx: Any, dy: torch.Tensor) -> Gradients:
        x, weight, scale, filters, attention = ctx.saved_tensors
        at, (need_x, need_weight, need_scale, need_filters, need_attention, _) = ctx.at, ctx.needs_input_grad
        flat = weight.reshape(len(weight), -1)
        dx = torch.empty_like(x) if need_x else None
        # Not in 16 bits: the sum over examples would be rounded at each.
        wide = torch.promote_types(weight.dtype, torch.float32)
        dflat = torch.zeros_like(flat, dtype=wide) if need_weight else None
        dscale = torch.empty_like(scale, memory_format=torch.contiguous_format) if need_scale else None
        dfilters = torch.empty_like(filters) if need_filters else None
        dattention = torch.empty_like(attention) if need_attention else None
        need = (need_x, any((need_weight, need_scale, need_filters, need_attention)))
        for part in _parts(len(x), weight):
            mixture, (left, right) = (
                _mixture(weight, attention, part, at.groups),
                _factors(scale, filters, part, at.groups),
            )
            dpart, dkernels = _convolve_back(dy[part], x[part], _scaled(mixture, left, right), at, need)
            if dx is not None and dpart is not None:
                dx[part] = dpart
            if dkernels is None:
                continue
            if dscale is not None or dfilters is not None:
                inner = dkernels * mixture  # [b, groups, out / groups, C / groups * positions]
                if dfilters is not None:
                    dfilters[part] = (inner.sum(3) if left is None else inner @ left.mT).flatten(1)
                if dscale is not None:
                    summed = inner.sum(2) if right is None else right.mT @ inner
                    dscale[part] = summed.view(-1, *scale.shape[1:])
            if dflat is None and dattention is None:
                continue
            dmixture = _scale_(dkernels, left, right).flatten(1)
            if dattention is not None:
                dattention[part] = product(dmixture, flat)
            if dflat is not None and attention is not None:
                dflat.addmm_(attention[part].t().to(wide), dmixture.to(wide))
            elif dflat is not None:
                dflat += dmixture.sum(0, keepdim=True)
        return dx, None if dflat is None else dflat.to(weight.dtype).view(weight.shape), dscale, dfilters, dattention

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return torch.vmap(plain.direct, in_dims)(*args), 0


def _parts(batch: int, weight: torch.Tensor) -> Iterator[slice]:
    step = max(1, TOGETHER // weight[0].numel())
    return (slice(start, start + step) for start in range(0, batch, step))


def _mixture(weight: torch.Tensor, attention: torch.Tensor | None, part: slice, groups: int) -> torch.Tensor:
    """[b or 1, groups, out / groups, C / groups * positions]."""
    flat = weight.reshape(len(weight), -1)
    mixed = flat if attention is None else torch.mm(attention[part], flat)
    return mixed.view(len(mixed), groups, weight.shape[1] // groups, -1)


def _factors(
    scale: torch.Tensor | None, filters: torch.Tensor | None, part: slice, groups: int
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Of the kernel's columns [b, groups, 1, C / groups * positions] and rows [b, groups, out / groups, 1]."""
    left = None if scale is None else scale[part].reshape(len(scale[part]), groups, 1, -1)
    right = None if filters is None else filters[part].view(len(filters[part]), groups, -1, 1)
    return left, right


def _scaled(mixture: torch.Tensor, left: torch.Tensor | None, right: torch.Tensor | None) -> torch.Tensor:
    if left is None:
        return mixture if right is None else mixture * right
    kernels = mixture * left
    return kernels if right is None else kernels.mul_(right)


def _scale_(dkernels: torch.Tensor, left: torch.Tensor | None, right: torch.Tensor | None) -> torch.Tensor:
    for factor in (left, right):
        if factor is not None:
            dkernels.mul_(factor)
    return dkernels


def _grouped(x: torch.Tensor, kernels: torch.Tensor, at: Geometry) -> tuple[torch.Tensor, torch.Tensor, list[Any]]:
    """The arguments of a convolution with a group for each group of each example."""
    b, rest = len(x), (list(at.stride), list(at.padding), list(at.dilation), False, [0, 0], len(x) * at.groups)
    kernels = (
        kernels.to(x.dtype)
        .expand(b, -1, -1, -1)
        .reshape(b * at.groups * kernels.shape[2], x.shape[1] // at.groups, *at.kernel)
    )
    # One example keeps its memory format: in channels-last, torch convolves a third faster.
    return (x if b == 1 else x.reshape(1, -1, *at.size)), kernels, list(rest)


def _convolve(x: torch.Tensor, kernels: torch.Tensor, at: Geometry) -> torch.Tensor:
    image, kernels, rest = _grouped(x, kernels, at)
    y = convolution(image, kernels, None, *rest)
    return y if len(x) == 1 else y.view(len(x), -1, *at.out)


def _convolve_back(
    dy: torch.Tensor, x: torch.Tensor, kernels: torch.Tensor, at: Geometry, need: tuple[bool, bool]
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of x [b, C, ...] and of the kernels [b, groups, out / groups, C / groups * positions]."""
    image, matrix, rest = _grouped(x, kernels, at)
    dimage = dy if len(x) == 1 else dy.reshape(1, -1, *at.out)
    dx, dkernels, _ = convolution_backward(dimage, image, matrix, None, *rest, [*need, False])
    if dx is not None:
        dx = dx.view(x.shape)
    return dx, None if dkernels is None else dkernels.reshape(len(x), *kernels.shape[1:]).to(kernels.dtype)
