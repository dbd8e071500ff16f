"""What decides the kernel of each example."""

from typing import NamedTuple

import torch


class Attentions(NamedTuple):
    """The attentions of a batch of B examples; None: all ones (a single kernel n, no scaling)."""

    channel: torch.Tensor | None = None  # [B, in]
    filter: torch.Tensor | None = None  # [B, out]
    spatial: torch.Tensor | None = None  # [B, kernel positions]
    kernel: torch.Tensor | None = None  # [B, n]
