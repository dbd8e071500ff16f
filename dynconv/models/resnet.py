"""One ResNet (He et al. 2016, arXiv 1512.03385) for every variant: depth, width, stem, 1-D or 2-D, output stride."""

from collections.abc import Sequence

import torch
from torch import nn

from dynconv.models.blocks import Blocks, ConvShape
from dynconv.models.layers.dimensions import BATCH_NORM, MAX_POOL, static_conv
from dynconv.models.layers.sparse_branch import Layer, add_branch, is_plain
from dynconv.models.layers.spatial_mask import SpatialMask

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
STEM_STRIDE = {"small": 1, "imagenet": 4}


class Block(nn.Module):
    """A residual block: [B, Cin, *S] -> [B, Cout, *ceil(S / stride)].

    The branch is a chain of convolutions, each with batch norm and, but for the last, ReLU.  The names of the
    parameters are torchvision's, with which published checkpoints are saved.
    """

    def __init__(self, shapes: Sequence[ConvShape], blocks: Blocks, ndim: int) -> None:
        super().__init__()
        self.length = len(shapes)
        for index, shape in enumerate(shapes, start=1):
            self.add_module(f"conv{index}", blocks.conv(*shape))
            self.add_module(f"bn{index}", BATCH_NORM[ndim](shape.out_channels))
        channels, out_channels = shapes[0].in_channels, shapes[-1].out_channels
        stride = max(shape.stride for shape in shapes)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or channels != out_channels:
            shortcut = static_conv(ndim)(channels, out_channels, 1, stride)
            self.downsample = nn.Sequential(shortcut, BATCH_NORM[ndim](out_channels))
        self.attention = nn.Identity() if blocks.attention is None else blocks.attention(out_channels)
        self.mask = None if blocks.mask is None else blocks.mask(shapes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """relu(shortcut + mask * attention(branch))."""
        unit = self.mask
        mask = None if unit is None else unit(x)
        if mask is not None and isinstance(unit, SpatialMask) and self._plain(unit) and unit.sparse(x, mask):
            x = x.movedim(1, -1).contiguous().movedim(-1, 1)  # once, for the shortcut and the branch
            return torch.relu_(add_branch(self.downsample(x), x, mask, self._layers(unit.shapes)))
        branch = x
        for index in range(1, self.length + 1):
            branch = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(branch))
            if index < self.length:
                branch = torch.relu_(branch)  # in place: what a batch norm returns nobody else needs
        branch = self.attention(branch)
        if mask is not None:
            branch = branch * mask
        branch += self.downsample(x)
        return torch.relu_(branch)

    def _plain(self, unit: SpatialMask) -> bool:
        """Whether the branch is nothing but the convolutions of its shapes, which `add_branch` can compute in parts."""
        return isinstance(self.attention, nn.Identity) and all(is_plain(layer) for layer in self._layers(unit.shapes))

    def _layers(self, shapes: Sequence[ConvShape]) -> list[Layer]:
        named = enumerate(shapes, start=1)
        return [Layer(shape, getattr(self, f"conv{index}"), getattr(self, f"bn{index}")) for index, shape in named]


def branch(depth: int, in_channels: int, channels: int, stride: int, dilation: int) -> list[ConvShape]:
    """The convolutions of a block: two 3x3, or for depth 50 a bottleneck (stride in the 3x3, as in torchvision)."""
    if depth < 50:
        return [
            ConvShape(in_channels, channels, 3, stride, dilation, dilation),
            ConvShape(channels, channels, 3, 1, dilation, dilation),
        ]
    return [
        ConvShape(in_channels, channels, 1, 1, 0, 1),
        ConvShape(channels, channels, 3, stride, dilation, dilation),
        ConvShape(channels, 4 * channels, 1, 1, 0, 1),
    ]


class Backbone(nn.Module):
    """Stem and four stages: [B, C, *S] -> features [B, out_channels, *S'].

    The extent of the features is the input's divided by the total stride, rounded up at each step.  The total stride is
    32 with the stem "imagenet" and 8 with "small"; a smaller `output_stride` trades the last strides for dilation, with
    the same parameters.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        ndim: int,
        in_channels: int,
        depth: int,
        width: float,
        stem: str,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        self.loss, self.measures = blocks.loss, blocks.measures
        channels = [max(1, round(width * base)) for base in (64, 128, 256, 512)]
        small = stem == "small"
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = static_conv(ndim)(in_channels, channels[0], kernel, stride, kernel // 2)
        self.bn1 = BATCH_NORM[ndim](channels[0])
        self.maxpool = nn.Identity() if small else MAX_POOL[ndim](3, 2, 1)
        total, dilation, fan_in = STEM_STRIDE[stem], 1, channels[0]
        for stage, (width_of_stage, count) in enumerate(zip(channels, BLOCKS_PER_STAGE[depth], strict=True), start=1):
            stride = 1 if stage == 1 else 2
            before = dilation  # the first block of a dilated stage still reads the finer grid
            if total * stride > output_stride:
                stride, dilation = 1, dilation * stride
            total *= stride
            layer = nn.Sequential()
            for index in range(count):
                first = index == 0
                shapes = branch(depth, fan_in, width_of_stage, stride if first else 1, before if first else dilation)
                layer.append(Block(shapes, blocks, ndim))
                fan_in = shapes[-1].out_channels
            self.add_module(f"layer{stage}", layer)
        self.out_channels = fan_in
        initialise(self)
        if blocks.finish is not None:
            blocks.finish(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last stage's feature maps."""
        x = self.maxpool(torch.relu_(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x


class ResNet(Backbone):
    """Backbone, global mean and a linear classifier: [B, C, *S] -> logits [B, num_classes]."""

    def __init__(
        self, blocks: Blocks, *, ndim: int, in_channels: int, num_classes: int, depth: int, width: float, stem: str
    ) -> None:
        super().__init__(blocks, ndim=ndim, in_channels=in_channels, depth=depth, width=width, stem=stem)
        self.fc = nn.Linear(self.out_channels, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of each example."""
        return self.fc(super().forward(x).flatten(2).mean(2))


def stages(backbone: nn.Module) -> list[list[Block]]:
    """The residual blocks of each of the four stages."""
    return [list(getattr(backbone, f"layer{stage}")) for stage in range(1, 5)]


def initialise(module: nn.Module) -> None:
    """Kaiming fan-out normal for every convolution, biases 0 (He et al. 2015, arXiv 1502.01852)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
