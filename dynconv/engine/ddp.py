"""Many processes with torch's DistributedDataParallel: each holds the whole network."""

import contextlib
import functools
import inspect
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dynconv.engine.buffers import average_buffers
from dynconv.engine.single import Single
from dynconv.models.layers.batch_norm import synchronise

# torch has renamed it (2.14 warns of the old name, 2.11 does not know the new one).
_NAMES = inspect.signature(DistributedDataParallel).parameters
_SYNC_BUFFERS = "forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers"


def _ordered_mean(state: None, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """The mean of the processes' gradients, added up by rank.

    A ring adds them up in an order that depends on their place in the bucket, and DDP sorts its buckets anew after its
    first step: the first step after a resume would be rounded otherwise than the same step of an undisturbed run.
    """
    own = bucket.buffer()
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    work = dist.all_gather(parts, own, async_op=True)
    return work.get_future().then(lambda done: functools.reduce(torch.add, parts) / len(parts))


class Ddp(Single):
    """Gradients are summed over processes while the backward pass still runs."""

    name: ClassVar[str] = "ddp"

    def __enter__(self) -> "Ddp":
        self.world.join(self.device)
        return self

    def attach(self, module: nn.Module, accumulate: int, kept: dict[str, Any] | None) -> None:
        """See `Strategy.attach`."""
        synchronise(module, self.recipe.sync_batchnorm)
        super().attach(module, accumulate, kept)
        self.model = self.parallel = DistributedDataParallel(
            module,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            **{_SYNC_BUFFERS: False},  # type: ignore[arg-type]  # they are the same everywhere
        )

        if self.device.type == "cpu" and self.world.size > 2:
            self.parallel.register_comm_hook(None, _ordered_mean)

    def micro_batch(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """See `Strategy.micro_batch`."""
        return contextlib.nullcontext() if last else self.parallel.no_sync()

    def backward(self, loss: torch.Tensor) -> None:
        """See `Strategy.backward`; DDP averages where the shares are to be summed."""
        super().backward(loss * self.world.size)

    def step(self, lr: float) -> None:
        """See `Strategy.step`."""
        super().step(lr)
        if not self.recipe.sync_batchnorm:
            average_buffers(self.module, self.world)
