"""Evaluation: every example of a split exactly once, however many processes share the work."""

from typing import Any

import torch
from torch import nn

from dynconv import models
from dynconv.data.batches import Batches
from dynconv.engine.shown import Shown
from dynconv.engine.strategy import Strategy
from dynconv.tasks import Sums, Task
from dynconv.tasks.base import add


@torch.no_grad()
def evaluate(
    model: nn.Module, task: Task, data: Batches, batch_size: int, strategy: Strategy, shown: Shown | None = None
) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Metrics of the split, and (for the leading process) the columns of its `predictions` rows; collective.

    Each process takes its own stretch of the split, in batches of `batch_size`; what they add up are sums and counts.
    Also averages what the variant measures about itself (`models.measures`), example by example, and lets `shown` look.
    """
    model.eval()
    world, device = strategy.world, strategy.device
    own = torch.arange(len(data), device=data.index_device).tensor_split(world.size)[world.rank]
    # A process without an example looks at the first and counts it not: its sums are zeros of the right shape.
    seen = len(own) > 0
    own = own if seen else own.new_zeros(1)
    sums: Sums = {}
    measured: Sums = {}
    columns: dict[str, list[Any]] = {"example_id": []}
    for ids in own.split(batch_size):
        x, y = data.get(ids)
        counts = torch.full((len(ids),), seen, device=device)
        with strategy.autocast():
            logits = model(x)
        sums = add(sums, task.sums(logits, y, counts))
        measures = {name: (value.double() * counts).sum() for name, value in models.measures(model).items()}
        measured = add(measured, measures)
        columns["example_id"] += ids.tolist() if seen else []
        if shown is not None:
            shown.look(ids.tolist() if seen else [], logits, y)
        for name, values in task.predictions(logits[counts], y[counts]).items():
            columns.setdefault(name, []).extend(values)
    metrics = task.metrics({name: world.sum(value) for name, value in sums.items()})
    metrics |= {name: (world.sum(value) / len(data)).item() for name, value in measured.items()}
    stretches = world.gather(columns)
    return metrics, {name: [value for part in stretches for value in part[name]] for name in columns if stretches}
