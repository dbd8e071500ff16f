"""How long does each form of a dynamic convolution take?  `python benchmarks/odconv/forms.py > forms.csv`

Forward and backward of one convolution with all attentions, every form in turns, the least of the turns in
milliseconds, beside a static convolution of the same shape.  `fit.py` fits the prices of
dynconv/models/layers/dynamic/cost.py to the table, and a test holds the choices made with them against it.
"""

import argparse
import csv
import os
import platform
import sys
import time

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `dynconv train` does

import torch
import torch.nn.functional as F

from dynconv.models.layers.dynamic import FORMS, Attentions, dynamic_conv

TURNS = 3
MOST = 1e10  # multiply-adds of a forward pass that are worth waiting for
# in, out, kernel, stride, dilation, extent on each axis
IMAGES = [
    (16, 16, 3, 1, 1, 8), (16, 32, 3, 2, 1, 8), (32, 32, 3, 1, 1, 4), (64, 64, 3, 1, 1, 2),  # narrow networks
    (32, 32, 3, 1, 1, 16), (64, 64, 3, 1, 1, 8),
    (64, 64, 3, 1, 1, 64), (128, 128, 3, 1, 1, 32), (256, 256, 3, 1, 1, 16), (512, 512, 3, 1, 1, 8),  # 64 px
    (64, 128, 3, 2, 1, 64), (128, 256, 3, 2, 1, 32), (256, 512, 3, 2, 1, 16),
    (64, 64, 3, 1, 1, 16), (128, 128, 3, 1, 1, 8), (256, 256, 3, 1, 1, 4), (512, 512, 3, 1, 1, 2),  # ImageNet stem
    (64, 128, 3, 2, 1, 16), (128, 256, 3, 2, 1, 8), (256, 512, 3, 2, 1, 4),
    (64, 64, 3, 1, 1, 56), (128, 128, 3, 1, 1, 28), (256, 256, 3, 1, 1, 14), (512, 512, 3, 1, 1, 7),  # 224 px
    (64, 64, 3, 1, 1, 128), (128, 128, 3, 1, 1, 64), (256, 256, 3, 1, 2, 64), (512, 512, 3, 1, 4, 64),  # VOC
    (64, 256, 1, 1, 1, 16), (512, 128, 1, 1, 1, 8), (512, 2048, 1, 1, 1, 4),  # bottlenecks
]  # fmt: skip
SERIES = [
    (16, 16, 3, 1, 1, 150), (32, 32, 3, 1, 1, 75), (64, 64, 3, 1, 1, 38),
    (64, 64, 3, 1, 1, 150), (128, 128, 3, 1, 1, 75), (256, 256, 3, 1, 1, 38), (512, 512, 3, 1, 1, 19),
    (64, 64, 3, 1, 1, 1000), (256, 256, 3, 1, 1, 250), (512, 512, 3, 1, 1, 125), (128, 256, 3, 2, 1, 75),
]  # fmt: skip


def milliseconds(step, clock) -> float:
    start = clock()
    step()
    return 1e3 * (clock() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--kernels", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--cpu-time", action="store_true", help="for one thread on a busy machine")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    names = ["axes", "batch", "kernels", "in", "out", "kernel", "stride", "dilation", "extent", *FORMS, "static"]
    out = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    print(f"# torch {torch.__version__}, {arguments.threads} threads, {platform.machine()}; milliseconds")
    out.writeheader()
    for axes, shapes in ((2, IMAGES), (1, SERIES)):
        for shape in shapes:
            for batch in arguments.batches:
                for kernels in arguments.kernels:
                    key = dict(zip(names, (axes, batch, kernels, *shape), strict=False))
                    fan_in, filters, kernel, stride, _, extent = shape
                    positions = -(-extent // stride)
                    if batch * kernels * fan_in * filters * (positions * kernel) ** axes < MOST:
                        out.writerow(key | measure(key, clock))
                        sys.stdout.flush()


def measure(key: dict[str, int], clock) -> dict[str, str]:
    torch.manual_seed(0)
    axes, batch, n, fan_in, filters, kernel, stride, dilation, extent = key.values()
    x = torch.randn(batch, fan_in, *[extent] * axes, requires_grad=True)
    weight = torch.randn(n, filters, fan_in, *[kernel] * axes, requires_grad=True)
    gates = [torch.rand(batch, k, requires_grad=True) for k in (fan_in, filters, kernel**axes, n)]
    attentions = Attentions(*gates[:3], gates[3] if n > 1 else None)
    static = weight[0].detach().clone().requires_grad_()
    options = {"stride": stride, "padding": dilation * (kernel // 2), "dilation": dilation}
    conv = (F.conv1d, F.conv2d)[axes - 1]

    def step(y: torch.Tensor, *inputs: torch.Tensor) -> None:
        torch.autograd.grad(y, inputs, torch.ones_like(y))

    def of(form: str) -> None:
        step(dynamic_conv(x, weight, attentions, form=form, **options), x, weight, *gates[: 4 if n > 1 else 3])

    ways = {form: (lambda form=form: of(form)) for form in FORMS}
    ways["static"] = lambda: step(conv(x, static, None, **options), x, static)
    for way in ways.values():
        way()
    turns = [{name: milliseconds(way, clock) for name, way in ways.items()} for _ in range(TURNS)]
    return {name: f"{min(turn[name] for turn in turns):.3f}" for name in ways}


if __name__ == "__main__":
    main()
