"""A binary mask over positions: where a residual branch is computed at all."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dynconv import keyed
from dynconv.models.blocks import ConvShape
from dynconv.models.layers.across import batch_mean
from dynconv.models.layers.active import branch_macs
from dynconv.models.layers.execution import can_be_sparse, is_measured, pays
from dynconv.models.layers.one_map_conv import ONE_MAP_CONV

NOISE_UNTIL = 0.8  # fraction of the training with Gumbel noise; the rest trains the masks that evaluation uses


class SpatialMask(nn.Module):
    """The mask unit of Verelst & Tuytelaars (2020, arXiv 1912.03203): block input [B, C, *S_in] -> mask [B, 1, *S].

    Logits are linear(global mean) + conv3x3; training adds logistic noise (the difference of two Gumbel variables) and
    passes the gradient of the sigmoid (temperature 1) straight through the threshold .5.  No noise is added in
    evaluation, nor once `fraction`, the part of the training that is done, reaches .8.

    After a forward pass, `executed` [B] holds the multiply-adds of the branch at the positions that the mask needs
    (with the mask's gradient) and `maskable` those of the whole branch, one example.

    Args:
        ndim: spatial axes, 1 or 2.
        shapes: the convolutions of the branch, in order.
        budget: fraction of the multiply-adds that `budget_loss` asks for.
        execution: how the branch is computed in inference: "dense", "sparse", or "auto" for the faster by `execution`.
    """

    fraction: torch.Tensor
    noise_keys: torch.Tensor | None = None  # int64 [B], see `models.give_keys`

    def __init__(self, ndim: int, shapes: Sequence[ConvShape], budget: float = 0.5, execution: str = "auto") -> None:
        super().__init__()
        self.budget, self.execution = budget, execution
        self.shapes = tuple(shapes)
        self.stride = 1
        for shape in shapes:
            self.stride *= shape.stride
        channels = shapes[0].in_channels
        self.squeeze = nn.Linear(channels, 1)
        self.conv = ONE_MAP_CONV[ndim](channels, 3, self.stride)
        self.register_buffer("fraction", torch.zeros(()), persistent=False)
        self.executed: torch.Tensor | None = None
        self.maskable = 0

    def anneal(self, *, temperature: float, fraction: float) -> None:
        """Note the fraction of the training done; the temperature of this gate is 1 throughout."""
        self.fraction.fill_(fraction)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mask of zeros and ones, in the type of `x`."""
        logits = self.logits(x)
        if self.training:
            noise = torch.logit(self._uniform(logits).clamp(1e-6, 1 - 1e-6))
            logits = logits + noise * (self.fraction < NOISE_UNTIL)
        soft = torch.sigmoid(logits)
        mask = (soft > 0.5).to(soft.dtype) + (soft - soft.detach())
        self.executed, self.maskable = branch_macs(mask, self.shapes, x.shape[2:])
        return mask.to(x.dtype)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The probabilities of which evaluation makes the mask (above .5: computed), [B, 1, *S]."""
        return torch.sigmoid(self.logits(x))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [B, 1, *S], without noise, in float32 or wider: the loss counts millions of positions."""
        local = self.conv(x)
        wide = torch.promote_types(local.dtype, torch.float32)
        return local.to(wide) + self.squeeze(x.flatten(2).mean(2)).to(wide).view(-1, *[1] * (x.dim() - 1))

    def sparse(self, x: torch.Tensor, mask: torch.Tensor) -> bool:
        """Whether to compute the branch at the positions in `mask`, which `x` has just given, and at no other."""
        if self.execution == "dense" or not can_be_sparse(self.training):
            return False
        if self.execution == "sparse":
            return True
        if not is_measured(x) or self.executed is None:
            return False
        numbers = x.numel() + mask.numel() * self.shapes[-1].out_channels
        weights = sum(s.in_channels * s.out_channels * s.kernel_size ** (x.dim() - 2) for s in self.shapes)
        return pays(float(self.executed.sum()), self.maskable * len(x), numbers, weights)

    def _uniform(self, like: torch.Tensor) -> torch.Tensor:
        """Random numbers in [0, 1): of the examples' keys, else of torch's generator."""
        if self.noise_keys is None:
            return torch.rand_like(like)
        return keyed.draw(self.noise_keys, like[0].numel()).view(like.shape)

    def __getstate__(self) -> dict[str, Any]:
        # The record of the last pass is part of an autograd graph, which can be neither copied nor pickled.
        return {**self.__dict__, "executed": None}


def masks(model: nn.Module) -> list[SpatialMask]:
    """The mask units of a model, in order."""
    return [module for module in model.modules() if isinstance(module, SpatialMask)]


def executed_fraction(model: nn.Module) -> torch.Tensor:
    """Executed over maskable multiply-adds of the last forward pass, per example: [B]."""
    units = masks(model)
    return torch.stack(_executed(units)).sum(0) / sum(unit.maskable for unit in units)


def budget_loss(model: nn.Module) -> torch.Tensor:
    """The computation loss of Verelst & Tuytelaars (2020), weighted by 10: a scalar.

    ((executed fraction of the network) - budget)^2, plus, averaged over blocks, the squared distance of a block's
    fraction from [p budget, 1 - p (1 - budget)].  p falls linearly from 1 to 0 over the first third of the training: at
    first every block keeps to the budget, later they share it freely.  Fractions are means over the whole batch, the
    parts that other processes hold included.
    """
    units = masks(model)
    budget = units[0].budget
    executed = batch_mean(torch.stack(_executed(units), dim=1))
    maskable = executed.new_tensor([unit.maskable for unit in units])
    p = (1 - 3 * units[0].fraction).clamp(min=0)
    share = executed / maskable
    outside = F.relu(share - (1 - p * (1 - budget))) ** 2 + F.relu(p * budget - share) ** 2
    return 10 * ((executed.sum() / maskable.sum() - budget) ** 2 + outside.mean())


def _executed(units: Sequence[SpatialMask]) -> list[torch.Tensor]:
    found = [unit.executed for unit in units if unit.executed is not None]
    if len(found) < len(units):
        raise RuntimeError("hard attention is measured after a forward pass; there was none")
    return found
