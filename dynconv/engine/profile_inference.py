"""What a forward pass in evaluation costs: latency, throughput and memory."""

import gc
from typing import Any

import torch

from dynconv import models
from dynconv.data.batches import Batches
from dynconv.engine.peak_memory import PeakMemory
from dynconv.engine.setup import Setup
from dynconv.engine.single import Single
from dynconv.engine.timing import Pace, timed
from dynconv.models.macs import count as count_macs
from dynconv.study import Study

LATENCY = Pace(aim_s=0.25, limit_s=10.0)
THROUGHPUT = Pace(aim_s=0.25, limit_s=0.75, block_s=0.02)


def measure(study: Study, variant: str, place: Setup, data: Batches, ids: torch.Tensor) -> dict[str, Any]:
    """The columns of the network and of its forward pass for one example and for the batch `ids` (int64 [B]).

    Where the batch does not fit in the GPU's memory, half of it is tried, and so on.

    Raises:
        torch.OutOfMemoryError: one example does not fit.
    """
    while True:
        try:
            return _measure(study, variant, place, data, ids)
        except torch.OutOfMemoryError:
            if len(ids) == 1:
                raise
            ids = ids[: len(ids) // 2]
        gc.collect()  # only here, outside of `except`: the error's traceback held the tensors of the pass
        torch.cuda.empty_cache()


@torch.no_grad()
def _measure(study: Study, variant: str, place: Setup, data: Batches, ids: torch.Tensor) -> dict[str, Any]:
    device, strategy = place.device, Single(place.world, place.device, place.recipe)

    def forward(x: torch.Tensor) -> None:
        with strategy.autocast():
            model(x)

    with PeakMemory(device) as memory:
        torch.manual_seed(0)
        model = place.build(study, variant).eval()
        x, _ = data.get(ids)
        forward(x)
    executed = models.measures(model).get("executed_fraction")
    throughput = timed(lambda: forward(x), device, THROUGHPUT)
    one = x[:1].clone()
    latency = timed(lambda: forward(one), device, LATENCY)
    macs = count_macs(model, tuple(place.meta["shape"]))
    return {
        "params": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "macs": macs.executed,
        "macs_theoretical": macs.theoretical,
        "executed_fraction": None if executed is None else executed.mean().item(),
        "latency_p50_s": latency.percentile(0.5),
        "latency_p95_s": latency.percentile(0.95),
        "latency_repeats": len(latency.seconds),
        "batch_size": len(x),
        **throughput.rate("samples_per_s", len(x)),
        "forward_memory_bytes": memory.bytes,
    }
