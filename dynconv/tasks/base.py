"""What a task is: how to build its network, its loss, and its evaluation as masked sums and counts."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from dynconv.study import Recipe, Variant

Sums = dict[str, Tensor]
"""Named sums and counts (float64) over the examples seen: they add up over batches and over processes."""


class Task(ABC):
    """One kind of problem.  Stateless: every method is a function of its arguments."""

    name: str

    @abstractmethod
    def build(self, variant: Variant, in_channels: int, num_classes: int, recipe: Recipe) -> nn.Module:
        """The network of `variant` for inputs of `in_channels` channels and `num_classes` classes."""

    @abstractmethod
    def count(self, target: Tensor) -> Tensor:
        """How many terms the loss of `target` sums over (examples, or non-void pixels): a scalar, 0 or more."""

    @abstractmethod
    def loss_sum(self, logits: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
        """Cross-entropy summed (not averaged) over the terms of `target`; divide by `count` of the whole batch.

        Summing lets a batch be cut into micro-batches, or spread over processes, without changing its mean.
        """

    @abstractmethod
    def sums(self, logits: Tensor, target: Tensor, keep: Tensor) -> Sums:
        """Sums and counts over the examples where `keep` [B] (bool) is true: padding never counts."""

    @abstractmethod
    def metrics(self, sums: Sums) -> dict[str, float]:
        """The final metrics, by column of the `runs` table, from the sums over the whole split."""

    @abstractmethod
    def predictions(self, logits: Tensor, target: Tensor) -> dict[str, list]:
        """Columns of the `predictions` table for one batch."""

    def mask(self, logits: Tensor, target: Tensor) -> Tensor | None:
        """The predicted mask [B, H, W], void (255) where the target is; None where a prediction is no mask."""
        return None


def add(total: Sums, part: Sums) -> Sums:
    """Sum two sets of sums; an empty `total` is zero."""
    return {key: total[key] + value if key in total else value for key, value in part.items()}


def wide(logits: Tensor) -> Tensor:
    """Logits of mixed precision as float32; wider ones as they are."""
    return logits if logits.dtype == torch.float64 else logits.float()


def double(values: Tensor) -> Tensor:
    """float64 where the device has it: sums over millions of pixels lose nothing."""
    return values.to(torch.float64)
