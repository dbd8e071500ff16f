"""The control of ODConv: its parameters without its dynamics, the attention replaced by its mean over examples."""

import functools

from dynconv.models.blocks import Blocks
from dynconv.models.layers.odconv_static import ODConvStatic1d, ODConvStatic2d


def build(ndim: int, *, kernel_num: int = 1, reduction: float = 1 / 16) -> Blocks:
    """`kernel_num` and `reduction` as in `odconv`: give both variants the same, and only the dynamics differ."""
    layer = {1: ODConvStatic1d, 2: ODConvStatic2d}[ndim]
    return Blocks(conv=functools.partial(layer, kernel_num=kernel_num, reduction=reduction))
