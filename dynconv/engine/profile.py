"""What a network costs, measured on the device at hand: one row of the `profile` table."""

import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from torch import nn

from dynconv.data.batches import Batches
from dynconv.engine import provenance
from dynconv.engine.setup import setup
from dynconv.engine.single import Single
from dynconv.models.macs import count as count_macs
from dynconv.study import Study

_WARM_UP = 3
_REPEATS = 20


def profile(
    study: Study, dataset: str, variant: str, store: Path, device_name: str, threads: int | None
) -> dict[str, Any]:
    """Parameters, MACs, latency, throughput and activation memory of one variant on one dataset's inputs.

    Latency is the forward pass in evaluation mode at batch 1, throughput at the recipe's batch size, both after a
    warm-up and with the recipe's precision.
    """
    place = setup(study, dataset, store, device_name, threads)
    task, recipe, device = place.task, place.recipe, place.device
    strategy = Single(place.world, device, recipe)
    torch.manual_seed(0)
    model = place.build(study, variant).eval()
    batches = Batches(place.judge, place.meta, device)
    size = min(recipe.batch(len(place.train.x)), len(batches))
    one, _ = batches.get(torch.arange(1, device=device))
    many, _ = batches.get(torch.arange(size, device=device))
    latencies = _forward_s(model, one, strategy)
    throughput = size / sorted(_forward_s(model, many, strategy, repeats=5))[2]
    macs = count_macs(model, tuple(place.meta["shape"]))
    return {
        "dataset": dataset,
        "variant": variant,
        "task": task.name,
        "params": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "macs": macs.executed,
        "macs_theoretical": macs.theoretical,
        "latency_p50_s": quantiles(latencies, n=20)[9],
        "latency_p95_s": quantiles(latencies, n=20)[18],
        "samples_per_s": throughput,
        "batch_size": size,
        "activation_bytes": _activation_bytes(model, one, strategy),
        **provenance.hardware(device),
        "torch_version": torch.__version__,
        "threads": torch.get_num_threads(),
    }


@torch.no_grad()
def _forward_s(model: nn.Module, x: torch.Tensor, strategy: Single, repeats: int = _REPEATS) -> list[float]:
    def synchronize() -> None:
        if x.is_cuda:
            torch.cuda.synchronize(x.device)

    seconds = []
    for _ in range(_WARM_UP + repeats):
        synchronize()
        start = time.perf_counter()
        with strategy.autocast():
            model(x)
        synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds[_WARM_UP:]


def _activation_bytes(model: nn.Module, x: torch.Tensor, strategy: Single) -> int:
    """Bytes that autograd keeps for the backward pass, counting each storage once and parameters not at all."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), strategy.autocast():
        output = model(x)  # kept alive until counted, so that no storage's address is used twice
    total = sum(kept.values())
    del output
    return total
