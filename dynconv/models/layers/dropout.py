"""Dropout whose noise can be a function of the example."""

import torch
import torch.nn.functional as F
from torch import nn

from dynconv import keyed


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014, JMLR 15): zero each value with probability `p`, scale the others by 1 / (1 - p).

    With keys (`models.give_keys`) an example loses the same values in any batch and on any process; `p` is then
    rounded to a multiple of 2**-16.  Without them the noise is torch's own.
    """

    noise_keys: torch.Tensor | None = None  # int64 [B]

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [B, ...] with some values dropped in training, as it is in evaluation."""
        if self.noise_keys is None or not self.training:
            return F.dropout(x, self.p, self.training)
        count = x[0].numel()
        # Four numbers of 16 bits from each hash: a map of features has a million values.
        noise = keyed.bits(self.noise_keys, -(-count // 4)).view(torch.int16)[:, :count]
        keep = noise >= round(self.p * 2**16) - 2**15
        return x * (keep.view(x.shape) / (1 - self.p)).to(x.dtype)

    def extra_repr(self) -> str:
        """The probability, for `print(model)`."""
        return f"p={self.p}"
