"""What does each variant cost in training?  `python benchmarks/variants/run.py`

Time of the forward and backward pass of ResNet-18 over vanilla's, all variants in turns in one thread, and the bytes
that autograd keeps between the two passes over vanilla's.  Time is the process' own, so that neighbours count less; a
figure is the median of the ratios of a turn.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F
from torch import nn

from dynconv import models, plugins

CLASSES = 200
CASES = {
    "64x64, stem small, batch 8": ({"stem": "small"}, (8, 3, 64, 64)),
    "64x64, stem imagenet, batch 64": ({"stem": "imagenet"}, (64, 3, 64, 64)),
    "series of 150, stem small, batch 32": ({"ndim": 1, "in_channels": 1}, (32, 1, 150)),
}
GOAL = {"soft_local": 1.1, "soft_global": 1.1}


def loss(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(x), y) + models.auxiliary_loss(model)


def seconds(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Forward and backward pass."""
    model.zero_grad()
    start = time.process_time()
    loss(model, x, y).backward()
    return time.process_time() - start


def kept_bytes(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """What autograd keeps for the backward pass beside the parameters, each storage once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(model, x, y)  # alive until counted: no address is used twice
    total = sum(kept.values())
    del value
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--variants", nargs="+", default=plugins.names("dynconv.models.variants"))
    parser.add_argument("--turns", type=int, default=5, help="of each variant")
    words = parser.parse_args()
    torch.set_num_threads(1)
    names = ["vanilla", *(name for name in words.variants if name != "vanilla")]
    print(f"torch {torch.__version__}, 1 thread, forward and backward of ResNet-18, {words.turns} turns")
    for case, (options, shape) in CASES.items():
        torch.manual_seed(0)
        networks = {name: models.build(name, num_classes=CLASSES, **options).train() for name in names}
        x, y = torch.randn(shape), torch.randint(CLASSES, shape[:1])
        kept = {name: kept_bytes(network, x, y) for name, network in networks.items()}
        turns = [{n: seconds(network, x, y) for n, network in networks.items()} for _ in range(words.turns + 1)][1:]
        print(f"\n{case}\n\n| variant | ms | over vanilla | smallest to largest | MB kept | over vanilla | goal |")
        print("|---|---|---|---|---|---|---|")
        for name in names:
            ratios = [turn[name] / turn["vanilla"] for turn in turns]
            print(
                f"| {name} | {1e3 * statistics.median(turn[name] for turn in turns):.0f} "
                f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} "
                f"| {kept[name] / 1e6:.0f} | {kept[name] / kept['vanilla']:.2f} | {GOAL.get(name, '')} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
