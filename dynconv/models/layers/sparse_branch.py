"""A residual branch computed at the positions of its mask only: gather, one matrix product, scatter."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from dynconv.models.blocks import ConvShape
from dynconv.models.layers.active import active_masks
from dynconv.models.layers.dimensions import CONV

_BUFFER = 1 << 20  # gathered numbers at a time: few enough to stay in the cache, ...
_REUSE = 2  # ... but several for each weight, which is brought into the product's order every time


class Layer(NamedTuple):
    """A convolution without bias or groups, and the batch norm that follows it."""

    shape: ConvShape
    conv: Any
    norm: Any


def is_plain(layer: Layer) -> bool:
    """Whether the layer is what its shape says and nothing more, so that `add_branch` computes the same."""
    conv, shape = layer.conv, layer.shape
    return (
        type(conv) in CONV.values()
        and conv.bias is None
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and (conv.kernel_size[0], conv.stride[0], conv.padding[0], conv.dilation[0]) == shape[2:]
    )


def add_branch(shortcut: torch.Tensor, x: torch.Tensor, mask: torch.Tensor, layers: Sequence[Layer]) -> torch.Tensor:
    """shortcut + mask * branch(x), in evaluation and without gradients: [B, C, *S].

    The branch is what `resnet.Block` computes: convolutions with batch norm and, but for the last, ReLU.  Each runs at
    its active output positions alone.  A row holds the channels of one position; a convolution gathers the rows that
    its kernel reads (im2col of the active positions), and the next one finds the rows it needs through a table.

    Not tiles with a halo: they are faster only where a mask is made of whole tiles (1.1 to 1.7 times, 8x8).  On patches
    of a random field they execute 1.7 to 4 times the multiply-adds of the positions.

    The result has its channels last in memory if there are two axes and it is larger than the kernels.  Where it is
    smaller, a dense convolution that came next would spend its time on bringing its kernel into that order.

    Args:
        shortcut: [B, C, *S].
        x: the block's input [B, Cin, *S_in].
        mask: [B, 1, *S], zeros and ones.
        layers: the branch, in order.
    """
    shapes = [layer.shape for layer in layers]
    actives = [active[:, 0] > 0 for active in active_masks(mask, shapes, x.shape[2:])]
    total = shortcut.to(torch.promote_types(shortcut.dtype, mask.dtype)).movedim(1, -1)
    total = total.clone(memory_format=torch.contiguous_format)  # the shortcut may be the input itself
    if actives[-1].any():
        total.flatten(0, -2).index_add_(0, *_branch(x, actives, layers, total.dtype))
    y, kernels = total.movedim(-1, 1), sum(layer.conv.weight.numel() for layer in layers)
    return y if y.dim() == 4 and y.numel() > kernels else y.contiguous()


def _branch(
    x: torch.Tensor, actives: Sequence[torch.Tensor], layers: Sequence[Layer], dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the branch is active, as indices into the flat output positions [N], and what it gives there [N, C]."""
    rows = _padded(x.movedim(1, -1), layers[0].shape.padding).flatten(0, -2)
    table = None
    size: Sequence[int] = x.shape[2:]
    for index, (layer, active) in enumerate(zip(layers, actives, strict=True)):
        reads = _reads(active, layer.shape, size)
        rows = _convolve(rows, reads if table is None else table[reads], layer)
        if index + 1 < len(layers):
            table = _table(active, layers[index + 1].shape.padding)
            rows = F.pad(rows.relu_(), (0, 0, 0, 1))  # the last row is the zeros that stand beyond the border
            size = active.shape[1:]
    return active.flatten().nonzero().squeeze(1), rows.to(dtype)


def _padded(x: torch.Tensor, padding: int) -> torch.Tensor:
    """[B, *S, C] with `padding` zeros on each side of each axis of S."""
    if not padding:
        return x.contiguous()
    padded = x.new_zeros(len(x), *[extent + 2 * padding for extent in x.shape[1:-1]], x.shape[-1])
    padded[:, *[slice(padding, -padding)] * (x.dim() - 2)] = x
    return padded


def _reads(active: torch.Tensor, shape: ConvShape, size: Sequence[int]) -> torch.Tensor:
    """What a convolution reads at its active outputs [B, *S]: indices into the padded input of `size`, [taps, N]."""
    batch, *places = active.nonzero(as_tuple=True)
    start, offset = batch, batch.new_zeros(1)
    steps = shape.dilation * torch.arange(shape.kernel_size, device=active.device)
    for place, extent in zip(places, size, strict=True):
        padded = extent + 2 * shape.padding
        start = start * padded + place * shape.stride
        offset = (offset[:, None] * padded + steps).flatten()
    return offset[:, None] + start


def _table(active: torch.Tensor, padding: int) -> torch.Tensor:
    """The row of each position of the padded `active` [B, *S]: its number among the active ones, or the row after."""
    grid = F.pad(active, [padding] * 2 * (active.dim() - 1)).flatten()
    number = grid.cumsum(0)
    return torch.where(grid, number - 1, number[-1])


def _convolve(rows: torch.Tensor, reads: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Convolution and batch norm: rows [M, Cin] and what to read of them [taps, N] -> [N, Cout].

    The gathered rows are an image of `taps` lines and N columns, channels last, and the kernel a column: in this form
    the product is oneDNN's, which on some CPUs is twice as fast as the BLAS that a matrix product calls.
    """
    taps, count = reads.shape
    channels, out_channels = layer.shape.in_channels, layer.shape.out_channels
    kernel = layer.conv.weight.flatten(2).unsqueeze(3).contiguous(memory_format=torch.channels_last)
    norm = layer.norm
    width = min(count, max(_BUFFER // (channels * taps), _REUSE * out_channels))
    buffer = rows.new_empty(taps * width, channels)
    result, done = rows.new_empty(0), 0
    for part in reads.split(width, dim=1):
        gathered = torch.index_select(rows, 0, part.flatten(), out=buffer[: part.numel()])
        columns = gathered.view(1, taps, -1, channels).permute(0, 3, 1, 2)
        y = F.conv2d(columns, kernel)
        y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        y = y.permute(0, 2, 3, 1).view(-1, out_channels)
        if width == count:
            return y
        if not done:
            result = y.new_empty(count, out_channels)
        result[done : done + len(y)] = y
        done += len(y)
    return result
