"""Evaluation: every example of a split exactly once."""

from typing import Any

import torch
from torch import nn

from dynconv import models
from dynconv.data.batches import Batches
from dynconv.engine.strategy import Single
from dynconv.tasks import Sums, Task
from dynconv.tasks.base import add


@torch.no_grad()
def evaluate(
    model: nn.Module, task: Task, data: Batches, batch_size: int, strategy: Single
) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Metrics of the split, and the columns of its `predictions` rows.

    Also averages what the variant measures about itself (`models.measures`), example by example.
    """
    model.eval()
    sums: Sums = {}
    measured: Sums = {}
    columns: dict[str, list[Any]] = {"example_id": []}
    for ids in torch.arange(len(data), device=strategy.device).split(batch_size):
        x, y = data.get(ids)
        with strategy.autocast():
            logits = model(x)
        sums = add(sums, task.sums(logits, y, torch.ones(len(ids), dtype=torch.bool, device=strategy.device)))
        measured = add(measured, {name: value.double().sum() for name, value in models.measures(model).items()})
        columns["example_id"] += ids.tolist()
        for name, values in task.predictions(logits, y).items():
            columns.setdefault(name, []).extend(values)
    metrics = task.metrics(sums) | {name: (value / len(data)).item() for name, value in measured.items()}
    return metrics, columns
