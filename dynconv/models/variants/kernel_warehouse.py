"""KernelWarehouse (Li & Yao 2024) in place of every convolution of the residual branches."""

import functools

from torch import nn

from dynconv.errors import DynconvError
from dynconv.models.blocks import Blocks
from dynconv.models.checks import positive
from dynconv.models.layers.kernel_warehouse import Warehouse, WarehouseConv
from dynconv.models.resnet import stages


def build(
    ndim: int, *, budget: float = 1, cell_ratio: float = 1, reduction: float = 1 / 16, warmup: float = 1 / 15
) -> Blocks:
    """`budget` b: the cells' weights over those of the static kernels, k or 1 / k for an integer k (the paper's 4x, 1x,
    1/2x); `cell_ratio`: channels of a cell over the most that fit (the paper: 0.5 for b = 1/2, else 1); `reduction`:
    hidden units of the attention over its input's channels; `warmup`: part of the training in which tau falls from 1 to
    0 (the paper: 20 of 300 epochs).

    A stage's convolutions share a warehouse.  As published, the first convolution of a stage, which reads the previous
    stage's channels, shares that stage's.  Unlike there, the shortcuts stay static, as in every variant here.
    """
    where = "variant kernel_warehouse"
    positive(where, "budget", budget)
    whole = max(budget, 1 / budget)
    if abs(whole / round(whole) - 1) > 0.01:  # 0.333 is a third
        raise DynconvError(f"{where}: budget is {budget!r}; valid: k or 1 / k for an integer k")
    for name, value in {"cell_ratio": cell_ratio, "reduction": reduction, "warmup": warmup}.items():
        positive(where, name, value, most=1)
    warehouse = functools.partial(Warehouse, budget=budget, cell_ratio=cell_ratio, reduction=reduction, warmup=warmup)
    return Blocks(
        conv=functools.partial(WarehouseConv, ndim),
        finish=lambda backbone: backbone.add_module("warehouses", nn.ModuleList(map(warehouse, _sharing(backbone)))),
    )


def _sharing(backbone: nn.Module) -> list[list[WarehouseConv]]:
    """The convolutions of each warehouse, one a stage."""
    groups: list[list[WarehouseConv]] = [[] for _ in range(4)]
    for stage, blocks in enumerate(stages(backbone)):
        convs = [conv for block in blocks for conv in block.children() if isinstance(conv, WarehouseConv)]
        groups[max(stage - 1, 0)].append(convs[0])
        groups[stage].extend(convs[1:])
    return groups
