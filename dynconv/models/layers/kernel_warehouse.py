"""KernelWarehouse (Li & Yao 2024, arXiv 2406.07879): layers whose kernels are assembled from cells that they share."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from dynconv.errors import DynconvError
from dynconv.models.layers.contrasting_attention import ContrastingAttention
from dynconv.models.layers.mixed_cells import mixed_cells_conv
from dynconv.models.layers.per_example import Geometry


class WarehouseConv(nn.Module):
    """A convolution without kernels of its own: [B, in, *S] -> [B, out, *S'], without bias.

    Its kernel W is cut into m disjoint parts of one shape (eq. 1): one a kernel position, block of filters and block of
    input channels, counted in that order.  For each example, part i is a mixture of the n cells of a warehouse,

        w_i = alpha_i1 e_1 + ... + alpha_in e_n    (eq. 2)

    and the parts are put together.  `Warehouse` supplies cells and attention; without, there is no forward pass.

    Args:
        ndim: number of spatial axes, 1 or 2.
        in_channels, out_channels, kernel_size, stride, padding, dilation: as in `torch.nn.Conv2d`, one integer for all
            axes.
    """

    attention: ContrastingAttention

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.geometry = Geometry(kernel_size, stride, padding, dilation)
        self.taps = kernel_size**ndim
        self._shared: tuple[Warehouse, ...] = ()  # in a tuple: not a submodule, so that its cells have one name

    @property
    def warehouse(self) -> "Warehouse":
        """Where the cells are."""
        return self._shared[0]

    def enter(self, warehouse: "Warehouse", attention: ContrastingAttention) -> None:
        """Take the cells from `warehouse`, weighted by `attention`."""
        self._shared, self.attention = (warehouse,), attention

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve each example of `x` [B, in, *S] with its own kernel."""
        return mixed_cells_conv(x, self.attention(x), self.warehouse.cells, self.out_channels, self.geometry)

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds that the method needs for one example of the batches `x` and `y`.

        The convolution, the global mean, the attention's two layers, and n for each weight of the kernel.
        """
        weights = self.taps * self.out_channels * self.in_channels
        layers = self.attention.squeeze.weight.numel() + self.attention.score.weight.numel()
        return weights * y[0, 0].numel() + x[0].numel() + layers + len(self.warehouse.cells) * weights

    def extra_repr(self) -> str:
        """The arguments, for `print(model)`."""
        return f"{self.in_channels}, {self.out_channels}, {self.geometry}"


class Warehouse(nn.Module):
    """The cells of several layers: `cells` [n, out, in], with n = budget * (the layers' parts together).

    Cells have the greatest channel counts that divide those of all layers, times `cell_ratio`, and one kernel position.
    At tau = 1 a part of a layer's kernel is a cell that no other part has: with a budget of k the first of its k cells,
    with 1 / k for one part of k, along diagonals, while the others are zeros.  The cells of a layer are drawn by
    Kaiming's fan-out rule for them together.  All this is as in the public code.

    Args:
        layers: the layers that share, in the order of the network; each is given its attention.
        budget: k or 1 / k for an integer k; with 1 the cells have as many weights as the static kernels.
        cell_ratio: channels of a cell over the greatest common divisor, on both axes.
        reduction, warmup: see `ContrastingAttention`.

    Raises:
        DynconvError: a layer has no whole number of the channels of the narrowest.
    """

    def __init__(
        self, layers: Sequence[WarehouseConv], *, budget: float, cell_ratio: float, reduction: float, warmup: float
    ) -> None:
        super().__init__()
        rows = _cell_channels([layer.out_channels for layer in layers], cell_ratio)
        columns = _cell_channels([layer.in_channels for layer in layers], cell_ratio)
        parts = [layer.taps * (layer.out_channels // rows) * (layer.in_channels // columns) for layer in layers]
        first = [_first_cells(count, budget) for count in parts]
        own = [max(1, round(budget)) * len(cells) for cells in first]
        self.cells = nn.Parameter(torch.empty(sum(own), rows, columns))
        start = 0
        for layer, m, cells, n in zip(layers, parts, first, own, strict=True):
            nn.init.kaiming_normal_(self.cells[start : start + n].flatten(0, 1), mode="fan_out", nonlinearity="relu")
            initial = torch.zeros(m, sum(own))
            initial[list(cells), [start + cell for cell in cells.values()]] = 1
            layer.enter(self, ContrastingAttention(layer.in_channels, initial, reduction, warmup))
            start += n


def _first_cells(parts: int, budget: float) -> dict[int, int]:
    """For the parts of a kernel that do not start from zeros, which of the layer's own cells they start from."""
    if budget >= 1:
        return {part: part * round(budget) for part in range(parts)}
    period = round(1 / budget)
    chosen = [part for part in range(parts) if part % period == part // period % period]
    return {part: cell for cell, part in enumerate(chosen)}


def _cell_channels(counts: Sequence[int], ratio: float) -> int:
    common = math.gcd(*counts)
    if common != min(counts):
        raise DynconvError(
            f"kernel_warehouse: layers of {sorted(set(counts))} channels share no cell; "
            "valid: a width at which the channels of a stage are multiples of its smallest count"
        )
    cells = max(round(common * ratio), 1)
    if common % cells:
        raise DynconvError(
            f"kernel_warehouse: cell_ratio is {ratio!r}: cells of {common * ratio:g} of {common} channels; "
            "valid: 1 or a fraction that divides them, such as 0.5"
        )
    return cells
