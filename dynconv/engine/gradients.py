"""The gradients of one step, micro-batch by micro-batch: what training does, and what the profile measures."""

import torch

from dynconv import models
from dynconv.engine.shares import Part
from dynconv.engine.strategy import Strategy
from dynconv.study import Recipe
from dynconv.tasks import Task


def gradients(
    strategy: Strategy,
    task: Task,
    recipe: Recipe,
    parts: list[Part],
    x: torch.Tensor,
    y: torch.Tensor,
    keys: torch.Tensor,
) -> torch.Tensor:
    """Add up this process' gradients of one batch.  Collective.

    Args:
        strategy: has its network.
        task: whose loss it is.
        recipe: of the run.
        parts: this process' share of each micro-batch, in the order of the examples.
        x, y: the examples of all `parts`, one after another.
        keys: int64 [examples], the keys of their noise.

    Returns:
        float64 [3]: sum of the loss, its count of terms (this process' share of it), and the auxiliary loss.
    """
    world, module = strategy.world, strategy.module
    count = world.sum(task.count(y)).clamp(min=1)
    loss_sum, extra = torch.zeros(2, dtype=torch.float64, device=strategy.device).unbind()
    start = 0
    for part in parts:
        rows = slice(start, start := start + len(part.ids))
        models.give_keys(module, keys[rows])
        with strategy.micro_batch(last=part is parts[-1]):
            with strategy.autocast():
                logits = strategy.model(x[rows])
                loss = task.loss_sum(logits, y[rows], recipe.label_smoothing)
                # A function of the whole micro-batch, on every process the same: each adds its share.
                auxiliary = models.auxiliary_loss(module) * (part.weight / world.size)
            strategy.backward(loss / count + auxiliary)
        loss_sum = loss_sum + loss.detach()
        extra = extra + auxiliary.detach()
    return torch.stack([loss_sum, count.double() / world.size, extra])
