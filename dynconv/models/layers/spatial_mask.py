"""A binary mask over positions: where a residual branch is computed at all."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dynconv import keyed
from dynconv.models.blocks import ConvShape
from dynconv.models.layers.across import batch_mean
from dynconv.models.layers.dimensions import CONV, MAX_POOL

NOISE_UNTIL = 0.8  # fraction of the training with Gumbel noise; the rest trains the masks that evaluation uses


class SpatialMask(nn.Module):
    """The mask unit of Verelst & Tuytelaars (2020, arXiv 1912.03203): block input [B, C, *S_in] -> mask [B, 1, *S].

    Logits are linear(global mean) + conv3x3; training adds logistic noise (the difference of two Gumbel variables) and
    passes the gradient of the sigmoid (temperature 1) straight through the threshold .5.  No noise is added in
    evaluation, nor once `fraction`, the part of the training that is done, reaches .8.

    After a forward pass, `executed` [B] holds the multiply-adds of the branch at the positions that the mask needs
    (with the mask's gradient) and `maskable` those of the whole branch, one example.
    """

    fraction: torch.Tensor
    noise_keys: torch.Tensor | None = None  # int64 [B], see `models.give_keys`

    def __init__(self, ndim: int, shapes: Sequence[ConvShape], budget: float = 0.5) -> None:
        super().__init__()
        self.budget = budget
        self.shapes = tuple(shapes)
        self.stride = 1
        for shape in shapes:
            self.stride *= shape.stride
        channels = shapes[0].in_channels
        self.squeeze = nn.Linear(channels, 1)
        self.conv = CONV[ndim](channels, 1, 3, stride=self.stride, padding=1, bias=False)
        self.register_buffer("fraction", torch.zeros(()), persistent=False)
        self.executed: torch.Tensor | None = None
        self.maskable = 0

    def anneal(self, *, temperature: float, fraction: float) -> None:
        """Note the fraction of the training done; the temperature of this gate is 1 throughout."""
        self.fraction.fill_(fraction)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mask of zeros and ones, in the type of `x`."""
        logits = self._logits(x)
        if self.training:
            noise = torch.logit(self._uniform(logits).clamp(1e-6, 1 - 1e-6))
            logits = logits + noise * (self.fraction < NOISE_UNTIL)
        soft = torch.sigmoid(logits)
        mask = (soft > 0.5).to(soft.dtype) + (soft - soft.detach())
        self.executed, self.maskable = branch_macs(mask, self.shapes, x.shape[2:])
        return mask.to(x.dtype)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The probabilities of which evaluation makes the mask (above .5: computed), [B, 1, *S]."""
        return torch.sigmoid(self._logits(x))

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        local = self.conv(x)
        wide = torch.promote_types(local.dtype, torch.float32)  # the loss counts millions of positions
        return local.to(wide) + self.squeeze(x.flatten(2).mean(2)).to(wide).view(-1, *[1] * (x.dim() - 1))

    def _uniform(self, like: torch.Tensor) -> torch.Tensor:
        """Random numbers in [0, 1): of the examples' keys, else of torch's generator."""
        if self.noise_keys is None:
            return torch.rand_like(like)
        return keyed.draw(self.noise_keys, like[0].numel()).view(like.shape)

    def __getstate__(self) -> dict[str, Any]:
        # The record of the last pass is part of an autograd graph, which can be neither copied nor pickled.
        return {**self.__dict__, "executed": None}


def branch_macs(mask: torch.Tensor, shapes: Sequence[ConvShape], size: Sequence[int]) -> tuple[torch.Tensor, int]:
    """Multiply-adds of a branch for the output positions in `mask` [B, 1, *S], and for all positions.

    A convolution runs where the next one reads: from last to first, the mask is dilated by each kernel.  `size` is the
    block's input size.  Returns executed [B] (differentiable in the mask) and the total of one example.
    """
    sizes = [tuple(size)]
    for shape in shapes:
        sizes.append(tuple(-(-extent // shape.stride) for extent in sizes[-1]))
    executed, total = mask.new_zeros(len(mask)), 0
    for index in reversed(range(len(shapes))):
        shape = shapes[index]
        macs = shape.in_channels * shape.out_channels * shape.kernel_size ** len(size)  # of one output position
        executed = executed + macs * mask.flatten(1).sum(1)
        total += macs * mask[0].numel()
        mask = _positions_read(mask, shape, sizes[index]) if index else mask
    return executed, total


def _positions_read(mask: torch.Tensor, shape: ConvShape, size: Sequence[int]) -> torch.Tensor:
    """Input positions [B, 1, *size] that a convolution reads for the output positions in `mask`."""
    if shape.stride > 1:
        spread = mask.new_zeros(*mask.shape[:2], *size)
        spread[:, :, *[slice(None, None, shape.stride)] * len(size)] = mask
        mask = spread
    margin = F.pad(mask, [shape.padding] * 2 * len(size))
    return MAX_POOL[len(size)](shape.kernel_size, stride=1, dilation=shape.dilation)(margin)


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
