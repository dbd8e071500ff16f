"""Channel attention: one weight a channel, from the whole image."""

import torch
from torch import nn


class ChannelGate(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507, eq. 2-4): [B, C, *S] -> [B, C, *S].

    s = sigmoid(W2 relu(W1 mean_S(x))), x * s, without biases.  The hidden layer has C / reduction units, at least 4 as
    in a ResNet of full width: a narrow network would otherwise gate all its channels by a single unit.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale the channels of `x`."""
        weights = self.attend(x)
        return x * weights.view(*weights.shape, *[1] * (x.dim() - 2))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The weights of the channels, [B, C]."""
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(x.flatten(2).mean(2)))))
