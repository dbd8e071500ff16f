"""The attention function of ODConv (Li et al. 2022, arXiv 2209.07947)."""

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.batch_norm import BatchNorm1d
from dynconv.models.layers.dimensions import CONV
from dynconv.models.layers.dynamic import Attentions

MIN_ATTENTION_CHANNELS = 16


class Attention(nn.Module):
    """The attention function pi(x): global mean, 1x1 to A channels, batch norm, ReLU, then one 1x1 head an attention.

    A = max(int(in * reduction), 16).  The heads and their names are those of the published layer: no filter head for a
    depth-wise convolution, no spatial head for a 1x1 kernel, no kernel head for a single kernel.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        groups: int,
        reduction: float,
        kernel_num: int,
    ) -> None:
        super().__init__()
        conv, hidden = CONV[ndim], max(int(in_channels * reduction), MIN_ATTENTION_CHANNELS)
        self.fc = conv(in_channels, hidden, 1, bias=False)
        # For a single example there is one value a channel: our batch norm then uses its running statistics.
        self.bn = BatchNorm1d(hidden)
        self.channel_fc = conv(hidden, in_channels, 1)
        self.filter_fc = None if groups == in_channels == out_channels else conv(hidden, out_channels, 1)
        self.spatial_fc = None if kernel_size == 1 else conv(hidden, kernel_size**ndim, 1)
        self.kernel_fc = None if kernel_num == 1 else conv(hidden, kernel_num, 1)

    def forward(self, x: torch.Tensor, temperature: torch.Tensor) -> Attentions:
        """The attentions of `x` [B, in, *S]; every logit is divided by the temperature."""
        hidden = F.relu(self.bn(_pointwise(self.fc, x.flatten(2).mean(2))))

        def gate(head: nn.Conv1d | nn.Conv2d | None) -> torch.Tensor | None:
            return None if head is None else torch.sigmoid(_pointwise(head, hidden) / temperature)

        kernel = None
        if self.kernel_fc is not None:
            kernel = torch.softmax(_pointwise(self.kernel_fc, hidden) / temperature, dim=1)
        channel = torch.sigmoid(_pointwise(self.channel_fc, hidden) / temperature)
        return Attentions(channel, gate(self.filter_fc), gate(self.spatial_fc), kernel)


def _pointwise(conv: nn.Conv1d | nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """A 1x1 convolution of one position, [B, C] -> [B, C']: as a matrix product it takes a fraction of the time."""
    return F.linear(x, conv.weight.flatten(1), conv.bias)
