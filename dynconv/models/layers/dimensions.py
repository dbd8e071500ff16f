"""The 1-D and 2-D forms of the standard layers, by the number of spatial axes."""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class _OneValueBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation that also trains where a channel has one value only.

    One example and one position have no variance: normalising by it would give zero whatever the input (torch raises
    an error).  Such a batch is normalised by the running statistics and leaves them as they are.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # torch's own name of the argument
        if self.training and input.numel() == input.shape[1]:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class BatchNorm1d(_OneValueBatchNorm, nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` that accepts one value a channel; [B, C, L] or [B, C]."""


class BatchNorm2d(_OneValueBatchNorm, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` that accepts one value a channel; [B, C, H, W]."""


CONV: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
BATCH_NORM: dict[int, type[BatchNorm1d] | type[BatchNorm2d]] = {1: BatchNorm1d, 2: BatchNorm2d}
MAX_POOL: dict[int, type[nn.MaxPool1d] | type[nn.MaxPool2d]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}


def static_conv(ndim: int) -> Callable[..., nn.Module]:
    """The ordinary convolution over `ndim` axes, without bias: batch normalisation follows and has one."""
    return functools.partial(CONV[ndim], bias=False)
