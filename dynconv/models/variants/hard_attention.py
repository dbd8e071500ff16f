"""Hard attention: a binary mask per block says where its branch is computed (Verelst & Tuytelaars 2020)."""

import functools

import torch
from torch import nn

from dynconv.models.blocks import Blocks
from dynconv.models.checks import positive
from dynconv.models.layers.dimensions import static_conv
from dynconv.models.layers.spatial_mask import SpatialMask, budget_loss, executed_fraction


def build(ndim: int, *, budget: float = 0.5) -> Blocks:
    """`budget`: fraction of the branches' multiply-adds that the loss asks for, above 0 and at most 1."""
    positive("variant hard_attention", "budget", budget, most=1)
    return Blocks(
        conv=static_conv(ndim),
        mask=functools.partial(SpatialMask, ndim, budget=budget),
        loss=budget_loss,
        measures=_measures,
    )


def _measures(model: nn.Module) -> dict[str, torch.Tensor]:
    return {"executed_fraction": executed_fraction(model)}
