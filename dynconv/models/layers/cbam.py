"""Both halves of CBAM: one weight a channel, then one weight a position."""

import torch
from torch import nn

from dynconv.models.layers.spatial_gate import SpatialGate

MIN_HIDDEN = 4


class CBAM(nn.Module):
    """Convolutional block attention module (Woo et al. 2018, arXiv 1807.06521, eq. 1-3): [B, C, *S] -> [B, C, *S].

    x' = x * m_c(x),  y = x' * m_s(x')
    m_c(x) = sigmoid(MLP(mean_S(x)) + MLP(max_S(x))),  MLP(v) = W1 relu(W0 v), shared by the two
    m_s(x) = sigmoid(conv([mean_C(x); max_C(x)])), which is `SpatialGate`

    No biases, as in the equations.  The hidden layer has C / reduction units, at least 4, as in `ChannelGate`.
    """

    def __init__(self, ndim: int, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        hidden = max(channels // reduction, MIN_HIDDEN)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)
        self.spatial = SpatialGate(ndim, kernel_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale the channels of `x`, then its positions."""
        positions = tuple(range(2, x.dim()))
        pooled = torch.stack([x.mean(positions), x.amax(positions)], dim=1)  # [B, 2, C]: both through one product
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))).sum(1))
        return self.spatial(x * weights.view(*weights.shape, *[1] * len(positions)))
