"""Dense prediction on a backbone: an FCN or DeepLabV3 head and bilinear upsampling."""

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.batch_norm import BatchNorm2d
from dynconv.models.layers.dropout import Dropout
from dynconv.models.resnet import Backbone, initialise


def _unit(in_channels: int, channels: int, kernel_size: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, channels, kernel_size, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, BatchNorm2d(channels), nn.ReLU())


class FCNHead(nn.Sequential):
    """3x3 convolution to a quarter of the channels, dropout .1, 1x1 classifier (Long et al. 2015, arXiv 1411.4038)."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        channels = max(in_channels // 4, 1)
        super().__init__(_unit(in_channels, channels, 3), Dropout(0.1), nn.Conv2d(channels, num_classes, 1))


class DeepLabV3Head(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, arXiv 1706.05587): [B, C, H, W] -> logits [B, K, H, W].

    Branches: 1x1, three dilated 3x3 and the image mean.  The rates are 6, 12, 18 at stride 16 and scale with the
    resolution (12, 24, 36 at stride 8).  Every branch has half the backbone's channels: 256 for ResNet-18.
    """

    def __init__(self, in_channels: int, num_classes: int, stride: int) -> None:
        super().__init__()
        channels = max(in_channels // 2, 1)
        rates = [rate * 16 // stride for rate in (6, 12, 18)]
        self.branches = nn.ModuleList([_unit(in_channels, channels, 1)])
        self.branches.extend(_unit(in_channels, channels, 3, rate) for rate in rates)
        self.image = _unit(in_channels, channels, 1)
        self.project = _unit(5 * channels, channels, 1)
        self.classify = nn.Sequential(Dropout(0.5), _unit(channels, channels, 3), nn.Conv2d(channels, num_classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits at the resolution of the features."""
        image = self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.classify(self.project(torch.cat([*(unit(x) for unit in self.branches), image], dim=1)))


class Segmenter(nn.Module):
    """A backbone and a head: [B, C, H, W] -> logits [B, K, H, W] at the input's resolution."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        initialise(head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of each pixel."""
        logits = self.head(self.backbone(x))
        return F.interpolate(logits, size=x.shape[2:], mode="bilinear", align_corners=False)
