"""Two exact ways to compute a dynamic convolution, and which of them is the faster for a shape."""

import itertools

import torch
import torch.nn.functional as F

from dynconv.models.layers.dynamic.attentions import Attentions


def form(kernel_num: int, filters: int, positions: int) -> str:
    """Which of two equal computations is the faster: "aggregate" or "shared".

    Aggregating writes a kernel for every example, whatever its size in positions; sharing computes n kernels at every
    position.  Measured on CPU at 8-128 channels and 4-4096 positions, they cross where n * positions = filters (of a
    group).
    """
    return "aggregate" if kernel_num * positions >= filters else "shared"


def unfold(
    x: torch.Tensor, kernel_size: int, stride: int, padding: int, dilation: int, size: list[int]
) -> torch.Tensor:
    """What each kernel position sees (im2col): [B, C, *S] -> [B, C, kernel positions, output positions].

    Slices rather than `F.unfold`: on CPU they are faster along one axis, and on CUDA `F.unfold` loops over the batch.
    """
    ndim = x.dim() - 2
    padded = F.pad(x, [padding] * 2 * ndim) if padding else x
    shifted = []
    for starts in itertools.product(range(0, dilation * kernel_size, dilation), repeat=ndim):
        window = [slice(a, a + stride * (n - 1) + 1, stride) for a, n in zip(starts, size, strict=True)]
        shifted.append(padded[:, :, *window])
    return torch.stack(shifted, dim=2).flatten(3)


def aggregate(columns: torch.Tensor, weight: torch.Tensor, attention: Attentions, groups: int) -> torch.Tensor:
    """One kernel for every example, then a batched matrix product: [B, out, output positions].

    `columns` [B, in, positions of the kernel, positions of the output]; `weight` [n, out, in/g, *kernel].
    """
    batch, _, taps, positions = columns.shape
    n, out, fan = weight.shape[:3]
    kernels = weight.reshape(n, -1) if attention.kernel is None else attention.kernel @ weight.reshape(n, -1)
    kernels = kernels.view(-1, out, fan, taps)
    if attention.spatial is not None:
        kernels = kernels * attention.spatial.view(batch, 1, 1, taps)
    kernels = kernels.expand(batch, -1, -1, -1).reshape(batch * groups, out // groups, fan * taps)
    return torch.bmm(kernels, columns.reshape(batch * groups, fan * taps, positions)).view(batch, out, positions)


def shared(columns: torch.Tensor, weight: torch.Tensor, attention: Attentions, groups: int) -> torch.Tensor:
    """The attentions on the data, the same weights for every example: [B, out, output positions].

    The n kernels' outputs are computed together and summed with the kernel attention.  Shapes as in `aggregate`.
    """
    batch, channels, taps, positions = columns.shape
    n, out, fan = weight.shape[:3]
    if attention.spatial is not None:
        columns = columns * attention.spatial.view(batch, 1, taps, 1)
    # A grouped convolution wants the filters of a group side by side: [n, g, out/g, ...] -> [g, n, out/g, ...].
    filters = weight.reshape(n, groups, out // groups, fan * taps).transpose(0, 1).reshape(n * out, fan * taps, 1)
    y = F.conv1d(columns.reshape(batch, channels * taps, positions), filters, groups=groups)
    if attention.kernel is not None:
        y = y.view(batch, groups, n, -1) * attention.kernel.view(batch, 1, n, 1)
        y = y.sum(2)
    return y.view(batch, out, positions)
