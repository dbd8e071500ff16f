"""The contrasting-driven attention function of KernelWarehouse (Li & Yao 2024, arXiv 2406.07879)."""

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.batch_norm import BatchNorm1d

MIN_HIDDEN = 16
EPSILON = 1e-3  # the public code's, against a division by zero


class ContrastingAttention(nn.Module):
    """alpha_ij = tau beta_ij + (1 - tau) z_ij / sum_p |z_ip|  (eq. 3): [B, in, *S] -> [B, mixtures m, cells n].

    The scores z are those of a squeeze network on the global mean: linear, batch norm, ReLU, linear.  There are n + 1
    of them a mixture: the last belongs to a cell of zeros, whose attention counts in the sum and is then dropped.  The
    attentions may be negative, and the mixtures of a layer do not share them.

    tau falls linearly from 1 to 0 in the first part of the training, `warmup`.  At tau = 1 the network is static: each
    mixture is the one cell that `initial` gives it.  Built, tau is 0.

    Args:
        in_channels: channels of the input.
        initial: beta, [m, n] of zeros and ones, at most one in each row; a row of zeros is the cell of zeros.
        reduction: hidden units, as a fraction of in_channels (at least 16).
        warmup: part of the training with tau above 0, 0 to 1.
    """

    initial: torch.Tensor
    tau: torch.Tensor

    def __init__(self, in_channels: int, initial: torch.Tensor, reduction: float, warmup: float) -> None:
        super().__init__()
        mixtures, cells = initial.shape
        hidden = max(int(in_channels * reduction), MIN_HIDDEN)
        self.warmup = warmup
        self.squeeze = nn.Linear(in_channels, hidden, bias=False)
        self.bn = BatchNorm1d(hidden)
        self.score = nn.Linear(hidden, mixtures * (cells + 1))
        for layer in (self.squeeze, self.score):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.score.bias)
        self.register_buffer("initial", initial, persistent=False)
        self.register_buffer("tau", torch.zeros(()), persistent=False)

    def anneal(self, *, temperature: float, fraction: float) -> None:
        """Set tau by the part of the training that is done, in place; the recipe's temperature is another one."""
        self.tau.fill_(max(0.0, 1 - fraction / self.warmup))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The attentions of each example's mixtures."""
        mixtures, cells = self.initial.shape
        z = self.score(F.relu(self.bn(self.squeeze(x.flatten(2).mean(2))))).view(len(x), mixtures, cells + 1)
        alpha = z / (z.abs().sum(2, keepdim=True) + EPSILON)
        return self.tau * self.initial + (1 - self.tau) * alpha[:, :, :-1]
