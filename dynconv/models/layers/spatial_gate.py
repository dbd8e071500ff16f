"""Spatial attention: one weight a position, from its neighbourhood."""

import torch
from torch import nn

from dynconv.models.layers.dimensions import CONV


class SpatialGate(nn.Module):
    """The spatial half of CBAM (Woo et al. 2018, arXiv 1807.06521, eq. 3): [B, C, *S] -> [B, C, *S].

    m = sigmoid(conv([mean_C(x); max_C(x)])), x * m, with a convolution from two maps to one and no bias.
    """

    def __init__(self, ndim: int, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = CONV[ndim](2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale the positions of `x`."""
        return x * self.attend(x)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The weights of the positions, [B, 1, *S]."""
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(maps))
