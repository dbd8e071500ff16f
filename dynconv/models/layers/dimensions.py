"""The 1-D and 2-D forms of the standard layers, by the number of spatial axes."""

import functools
from collections.abc import Callable

from torch import nn

from dynconv.models.layers.batch_norm import BatchNorm1d, BatchNorm2d

CONV: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
BATCH_NORM: dict[int, type[BatchNorm1d] | type[BatchNorm2d]] = {1: BatchNorm1d, 2: BatchNorm2d}
MAX_POOL: dict[int, type[nn.MaxPool1d] | type[nn.MaxPool2d]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}


def static_conv(ndim: int) -> Callable[..., nn.Module]:
    """The ordinary convolution over `ndim` axes, without bias: batch normalisation follows and has one."""
    return functools.partial(CONV[ndim], bias=False)
