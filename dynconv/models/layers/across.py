"""Sums and means over a batch that several processes hold in parts, with gradients.

What a network or its own loss computes over the batch (batch statistics, a mean over examples) is a function of the
whole batch, however many processes it is spread over.  In a process alone these are the ordinary sum and mean.
"""

from typing import Any

import torch
import torch.distributed as dist


def processes() -> int:
    """How many processes share the batch: those of torch.distributed's default group, 1 where there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def batch_mean(x: torch.Tensor) -> torch.Tensor:
    """Mean over the examples of the whole batch: [B, ...] on each process (B may differ) -> [...] on all of them.

    Its gradient reaches the examples of every process.  A collective operation: all processes must call it.
    """
    if processes() == 1:
        return x.mean(0)
    count = x.new_full((1,), float(len(x)))
    total = _Sum.apply(torch.cat([x.sum(0).flatten(), count]))
    return (total[:-1] / total[-1]).view(x.shape[1:])


class _Sum(torch.autograd.Function):
    """Sum over processes.

    Each process' loss is a share of the total and the shares add up, so the gradient of the total with respect to the
    sum is itself the sum, over processes, of what arrives here.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        total = grads[0].clone()
        dist.all_reduce(total)
        return total
