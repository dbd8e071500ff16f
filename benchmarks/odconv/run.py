"""How much faster than the public form of ODConv is this one, and what does it cost over a static network?

`python benchmarks/odconv/run.py` (minutes on 2 cores), `--full` for the large batches, `--device cuda` on a GPU.

Whole ResNet-18, forward and backward: (a) vanilla, (b) ours, (c) the same network in the public form (public.py).  All
take turns in one process, after one turn that does not count; a ratio is the median over turns.  Memory is the most
that tensors take at one time in a step, weights and gradients included.
"""

import argparse
import os
import statistics
import time
from typing import NamedTuple

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `dynconv train` does

import torch
from public import make_public
from torch import nn

from dynconv import models
from dynconv.engine.peak_memory import PeakMemory


class Case(NamedTuple):
    name: str
    shape: tuple[int, ...]  # of one example
    batches: tuple[int, ...]
    full: tuple[int, ...]
    options: dict


CASES = [
    Case("64 px, ImageNet stem", (3, 64, 64), (16, 64), (16, 64, 256), {"stem": "imagenet"}),
    Case("64 px, small stem", (3, 64, 64), (16,), (16, 64), {"stem": "small"}),
    Case("series of 150", (1, 150), (16, 64), (16, 64, 256), {"ndim": 1, "in_channels": 1}),
    Case("VOC, 512 px, output stride 8", (3, 512, 512), (), (2,), {"output_stride": 8}),
]


def build(case: Case, variant: str, device: torch.device, **options) -> nn.Module:
    torch.manual_seed(0)
    make = models.build_segmentation if "output_stride" in case.options else models.build
    return make(variant, **case.options, **options).to(device).train()


def step(model: nn.Module, x: torch.Tensor, precision: torch.dtype) -> None:
    with torch.autocast(x.device.type, precision, enabled=precision != torch.float32):
        y = model(x)
    y.float().square().mean().backward()


def seconds(model: nn.Module, x: torch.Tensor, precision: torch.dtype) -> float:
    model.zero_grad(set_to_none=True)
    if x.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    step(model, x, precision)
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def memory(case: Case, variant: str, x: torch.Tensor, precision: torch.dtype, public: bool, **options) -> int:
    with PeakMemory(x.device) as most:
        model = build(case, variant, x.device, **options)
        step(make_public(model) if public else model, x, precision)
    return most.bytes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="large batches and VOC as well")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    # Alike for convolutions and products, which torch sets apart.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device, precision = torch.device(arguments.device), getattr(torch, arguments.precision)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {name}, {arguments.precision}; median of {arguments.turns} turns", flush=True)
    print("| network | batch | n | vanilla, ms | public / ours | ours / vanilla | MiB: vanilla | ours | public |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        for batch in case.full if arguments.full else case.batches:
            for kernels in (1, 4):
                measure(case, batch, kernels, device, precision, arguments.turns)


def measure(case: Case, batch: int, kernels: int, device: torch.device, precision: torch.dtype, turns: int) -> None:
    x = torch.randn(batch, *case.shape, device=device)
    ways = {
        "vanilla": build(case, "vanilla", device),
        "ours": build(case, "odconv", device, kernel_num=kernels),
        "public": make_public(build(case, "odconv", device, kernel_num=kernels)),
    }
    with torch.no_grad():  # that they are the same network
        torch.testing.assert_close(ways["ours"].eval()(x[:2]), ways["public"].eval()(x[:2]), rtol=1e-3, atol=1e-3)
    for model in ways.values():
        model.train()
    taken = [{way: seconds(model, x, precision) for way, model in ways.items()} for _ in range(turns + 1)][1:]
    gain = statistics.median(turn["public"] / turn["ours"] for turn in taken)
    cost = statistics.median(turn["ours"] / turn["vanilla"] for turn in taken)
    plain = statistics.median(turn["vanilla"] for turn in taken)
    del ways
    peaks = [
        memory(case, "vanilla", x, precision, False),
        memory(case, "odconv", x, precision, False, kernel_num=kernels),
        memory(case, "odconv", x, precision, True, kernel_num=kernels),
    ]
    sizes = " | ".join(f"{peak / 2**20:,.0f}" for peak in peaks)
    print(f"| {case.name} | {batch} | {kernels} | {1e3 * plain:,.0f} | {gain:.1f} | {cost:.2f} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
