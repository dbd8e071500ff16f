"""Buffers that each process has changed on its own."""

import torch
from torch import nn

from dynconv.engine.world import World


def average_buffers(module: nn.Module, world: World) -> None:
    """Replace every floating-point buffer by its mean over processes; collective.

    Batch normalisation without `sync_batchnorm` gathers its running statistics from its own examples.  Averaged after
    each step, they are the same on all processes: any of them can evaluate, and one checkpoint holds them all.
    """
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    if world.size == 1 or not buffers:
        return
    mean = world.sum(torch.cat([buffer.flatten().float() for buffer in buffers])) / world.size
    for buffer, part in zip(buffers, mean.split([buffer.numel() for buffer in buffers]), strict=True):
        buffer.copy_(part.view_as(buffer))
