"""How much faster than the public form of ODConv is this one?  `python benchmarks/odconv/run.py`

One layer at a time, forward and backward, against (a) the public form (the kernels mixed for every example, then one
grouped convolution with a group an example) with the same attentions and weights, and (b) a static convolution.  All
three are timed in turns in one process; a figure is the median of the ratios of a turn.
"""

import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers import ODConv2d

TURNS = 7
SHAPES = [(64, 16), (128, 8), (256, 4), (512, 2)]  # channels and pixels a side of ResNet-18's stages at 64 px
BATCH = 16


class PublicForm(nn.Module):
    """The mixed kernels of every example, as one grouped convolution."""

    def __init__(self, layer: ODConv2d):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layer, (b, c, h, w) = self.layer, x.shape
        a = layer.attention(x, layer.temperature)
        kernel = layer.weight[None] if a.kernel is None else a.kernel.view(b, -1, 1, 1, 1, 1) * layer.weight[None]
        k = layer.kernel_size
        weight = kernel.sum(1) * a.spatial.view(b, 1, 1, k, k)
        x = (x * a.channel.view(b, c, 1, 1)).reshape(1, b * c, h, w)
        weight = weight.expand(b, -1, -1, -1, -1).reshape(-1, c, k, k)
        y = F.conv2d(x, weight, padding=layer.padding, groups=b).view(b, -1, h, w)
        return y * a.filter.view(b, -1, 1, 1)


def seconds(module: nn.Module, x: torch.Tensor) -> float:
    start = time.perf_counter()
    module(x).square().mean().backward()
    return time.perf_counter() - start


def main() -> None:
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {BATCH}, forward and backward")
    print("channels  pixels  kernels   public / ours   ours / static   largest difference")
    for channels, side in SHAPES:
        for kernels in (1, 4):
            ours = ODConv2d(channels, channels, 3, padding=1, kernel_num=kernels)
            public, static = PublicForm(ours), nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            x = torch.randn(BATCH, channels, side, side, requires_grad=True)
            difference = (ours(x) - public(x)).abs().max().item()
            turns = [[seconds(module, x) for module in (public, ours, static)] for _ in range(TURNS + 1)][1:]
            gain = statistics.median(p / o for p, o, _ in turns)
            cost = statistics.median(o / s for _, o, s in turns)
            size = f"{side}x{side}"
            print(f"{channels:>8}  {size:>6}  {kernels:>7}   {gain:>13.1f}   {cost:>13.1f}   {difference:.1e}")


if __name__ == "__main__":
    main()
