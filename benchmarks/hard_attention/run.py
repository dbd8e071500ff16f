"""Where does sparse execution of hard attention pay?  `python benchmarks/hard_attention/run.py`

Each residual block in inference, dense (the branch everywhere, then the mask) and sparse (the branch at the active
positions), in turns in one thread.  Masks are patches of a smooth random field at a given share of the positions; the
executed share of the multiply-adds is larger, since the mask is dilated by the branch's kernels.  Beside the ratio of
the times stands what `execution: auto` chooses; the last line is the whole backbone, `auto` against dense.  Time is the
process' own, so that neighbours count less.
"""

import argparse
import os
import statistics
import time
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F
from torch import nn

from dynconv import models
from dynconv.models.layers.spatial_mask import SpatialMask
from dynconv.models.resnet import Backbone

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Case:
    """A network and its input: [batch, channels, *[extent] * ndim]."""

    batch: int
    extent: int
    ndim: int = 2
    stem: str = "small"
    depth: int = 18
    output_stride: int | None = None  # segmentation

    def __str__(self) -> str:
        size = "x".join([str(self.extent)] * self.ndim)
        stride = f", output stride {self.output_stride}" if self.output_stride else ""
        return f"ResNet-{self.depth}, {size}, stem {self.stem}{stride}, batch {self.batch}"

    def backbone(self) -> Backbone:
        if self.output_stride:
            options = {"stem": self.stem, "depth": self.depth, "output_stride": self.output_stride}
            return models.build_segmentation("hard_attention", **options).backbone
        return models.build("hard_attention", ndim=self.ndim, stem=self.stem, depth=self.depth)


QUICK = [Case(4, 64), Case(1, 64), Case(1, 256, stem="imagenet", output_stride=8)]
FULL = [
    *QUICK[:2],
    Case(16, 64),
    Case(16, 64, stem="imagenet"),
    Case(1, 512, stem="imagenet", output_stride=8),
    Case(16, 64, depth=50),
    Case(64, 512, ndim=1),
]


class Given(SpatialMask):
    """A mask unit that does its work and then takes the mask that it is given."""

    given: torch.Tensor

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return 0 * super().logits(x) + self.given


def patches(shape: tuple[int, ...], share: float) -> torch.Tensor:
    """Logits [B, 1, *S] that are positive in patches, at a share of all positions."""
    size = shape[2:]
    coarse = torch.randn(shape[0], 1, *[max(2, -(-extent // 4)) for extent in size])
    field = F.interpolate(coarse, size=size, mode="linear" if len(size) == 1 else "bilinear")
    return torch.where(field >= field.flatten().quantile(1 - share), 1.0, -1.0)


def seconds(module: nn.Module, units: list[SpatialMask], x: torch.Tensor, execution: str) -> float:
    for unit in units:
        unit.execution = execution
    start = time.process_time()
    module(x)
    return time.process_time() - start


def measure(module: nn.Module, units: list[SpatialMask], x: torch.Tensor, way: str, turns: int) -> tuple[float, float]:
    """Dense over the other way's time, and the executed share of the multiply-adds."""
    pairs = [[seconds(module, units, x, execution) for execution in ("dense", way)] for _ in range(turns + 1)][1:]
    executed = sum(float(unit.executed.mean()) for unit in units) / sum(unit.maskable for unit in units)
    return statistics.median(dense / other for dense, other in pairs), executed


def row(name: str, module: nn.Module, outputs: dict[SpatialMask, torch.Size], x: torch.Tensor, turns: int) -> str:
    """A line of the table; one block is forced to be sparse, several do as `auto` says."""
    units, cells = list(outputs), []
    for share in SHARES:
        for unit in units:
            unit.given = patches(outputs[unit], share)
        gain, executed = measure(module, units, x, "sparse" if len(units) == 1 else "auto", turns)
        cells.append(f"{executed:.2f}: {gain:.2f}")
        if len(units) == 1:
            units[0].execution = "auto"
            cells[-1] += " sparse" if units[0].sparse(x, units[0](x)) else " dense"
    dense = statistics.median(seconds(module, units, x, "dense") for _ in range(turns))
    return f"| {name} | {tuple(x.shape)} | {1e3 * dense:.1f} | {' | '.join(cells)} |"


@torch.no_grad()
def table(case: Case, turns: int) -> None:
    torch.manual_seed(0)
    backbone = case.backbone().eval()
    images = torch.randn(case.batch, 3, *[case.extent] * case.ndim)
    x = backbone.maxpool(torch.relu(backbone.bn1(backbone.conv1(images))))
    print(f"\n{case}\n\n| block | input | dense, ms | {' | '.join(f'{share:g} active' for share in SHARES)} |")
    print("|---" * (3 + len(SHARES)) + "|")
    outputs: dict[SpatialMask, torch.Size] = {}
    for stage in range(1, 5):
        for index, block in enumerate(getattr(backbone, f"layer{stage}")):
            block.mask.__class__ = Given
            outputs[block.mask] = block.downsample(x).shape
            if index < 2:  # the others are like the second
                print(row(f"{stage}.{index}", block, {block.mask: outputs[block.mask]}, x, turns), flush=True)
            x = torch.relu(block.downsample(x))
    print(row("all", backbone, outputs, images, turns), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--full", action="store_true", help="more sizes, depth 50 and one axis: ten minutes")
    parser.add_argument("--turns", type=int, default=3, help="of each way at each share")
    words = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, 1 thread, inference; a cell: executed share of the multiply-adds: dense time /")
    print("sparse time, choice of `auto`")
    for case in FULL if words.full else QUICK:
        table(case, words.turns)


if __name__ == "__main__":
    main()
