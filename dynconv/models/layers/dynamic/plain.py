"""The same forms in torch's own operations: differentiable to any order, and what compilers and transforms see.

Shapes as in the modules `shared`, `mixed` and `direct`.
"""

import torch
import torch.nn.functional as F

from dynconv.models.layers.dynamic.geometry import Geometry


def shared(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
    """The output of every kernel on scaled data: [B, n out, out rows, out columns]; groups allowed."""
    columns = _columns(x, scale, at)
    n, out = weight.shape[:2]
    # A grouped convolution wants the filters of a group side by side: [n, g, out/g, ...] -> [g, n, out/g, ...].
    filters = weight.reshape(n, at.groups, out // at.groups, -1).transpose(0, 1).reshape(n * out, -1, 1).to(x.dtype)
    y = F.conv1d(columns.flatten(1, 2), filters, groups=at.groups)
    y = y.unflatten(1, (at.groups, n, out // at.groups)).transpose(1, 2).flatten(1, 3)
    return y.unflatten(2, at.out)


def mixed(
    x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, attention: torch.Tensor | None, at: Geometry
) -> torch.Tensor:
    """One kernel an example, on scaled data, as a batched product: [B, out, out rows, out columns]; groups allowed."""
    columns = _columns(x, scale, at)
    n, out, batch = *weight.shape[:2], x.shape[0]
    kernels = weight.reshape(n, -1) if attention is None else attention @ weight.reshape(n, -1)
    kernels = kernels.unflatten(1, (at.groups, out // at.groups, -1)).expand(batch, -1, -1, -1)
    y = kernels.to(x.dtype) @ columns.flatten(1, 2).unflatten(1, (at.groups, -1))
    return y.flatten(1, 2).unflatten(2, at.out)


def direct(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor | None,
    filters: torch.Tensor | None,
    attention: torch.Tensor | None,
    at: Geometry,
) -> torch.Tensor:
    """One kernel an example, with every attention: [B, out, out rows, out columns]."""
    y = mixed(x, weight, scale, attention, at)
    return y if filters is None else (y * filters[:, :, None, None]).to(x.dtype)


def _columns(x: torch.Tensor, scale: torch.Tensor | None, at: Geometry) -> torch.Tensor:
    """What each kernel position sees (im2col): [B, C, positions of the kernel, output positions], scaled.

    Slices rather than `F.unfold`: on CPU they are faster along one axis, and on CUDA `F.unfold` loops over the batch.
    """
    rows, columns = at.padding
    padded = F.pad(x, (columns, columns, rows, rows)) if rows or columns else x
    shifted = []
    for i in range(at.kernel[0]):
        for j in range(at.kernel[1]):
            window = [
                slice(at.dilation[a] * k, at.dilation[a] * k + at.stride[a] * (at.out[a] - 1) + 1, at.stride[a])
                for a, k in enumerate((i, j))
            ]
            shifted.append(padded[:, :, *window])
    seen = torch.stack(shifted, dim=2).flatten(3)
    return seen if scale is None else (seen * scale.unsqueeze(3)).to(x.dtype)
