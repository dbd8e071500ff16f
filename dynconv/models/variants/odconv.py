"""Omni-dimensional dynamic convolution (Li et al. 2022) in place of every convolution of the residual branches."""

import functools

from dynconv.models.blocks import Blocks
from dynconv.models.layers.odconv import ODConv1d, ODConv2d


def build(ndim: int, *, kernel_num: int = 1, reduction: float = 1 / 16, form: str = "auto") -> Blocks:
    """`kernel_num`: kernels mixed for each example (the paper's 1x, 4x); `reduction`: attention channels over input's;
    `form`: how it is computed, see `dynamic_conv`.

    As published, a bottleneck's 1x1 convolutions are replaced too; the stem and the shortcuts stay static.
    """
    layer = {1: ODConv1d, 2: ODConv2d}[ndim]
    return Blocks(conv=functools.partial(layer, kernel_num=kernel_num, reduction=reduction, form=form))
