"""Hard attention: a binary mask per block says where its branch is computed.

out = relu(shortcut(x) + mask(x) * branch(x)) (Verelst & Tuytelaars 2020, arXiv 1912.03203, eq. 3).
"""

import functools

import torch
from torch import nn

from dynconv.errors import DynconvError, valid
from dynconv.models.blocks import Blocks
from dynconv.models.checks import positive
from dynconv.models.layers.dimensions import static_conv
from dynconv.models.layers.execution import EXECUTIONS
from dynconv.models.layers.spatial_mask import SpatialMask, budget_loss, executed_fraction


def build(ndim: int, *, budget: float = 0.5, execution: str = "auto") -> Blocks:
    """The blocks of the variant.

    Args:
        ndim: spatial axes, 1 or 2.
        budget: fraction of the branches' multiply-adds that the loss asks for, above 0 and at most 1.
        execution: how inference computes a branch: "dense" (everywhere, then masked), "sparse" (at the active
            positions) or "auto" (the faster, where that was measured), equal up to rounding.  Training is dense.

    Raises:
        DynconvError: an option out of range.
    """
    positive("variant hard_attention", "budget", budget, most=1)
    if execution not in EXECUTIONS:
        raise DynconvError(f"variant hard_attention: execution is {execution!r}; {valid(EXECUTIONS)}")
    return Blocks(
        conv=static_conv(ndim),
        mask=functools.partial(SpatialMask, ndim, budget=budget, execution=execution),
        loss=budget_loss,
        measures=_measures,
    )


def _measures(model: nn.Module) -> dict[str, torch.Tensor]:
    return {"executed_fraction": executed_fraction(model)}
