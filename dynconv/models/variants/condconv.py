"""Conditionally parameterised convolution (Yang et al. 2019) in place of every convolution of the residual branches."""

import functools

from dynconv.models.blocks import Blocks
from dynconv.models.layers.condconv import CondConv1d, CondConv2d


def build(ndim: int, *, kernel_num: int = 8, form: str = "auto") -> Blocks:
    """`kernel_num`: experts, mixed for each example; `form`: how it is computed, see `dynamic_conv`.

    The stem, the shortcuts and the classifier stay static.
    """
    layer = {1: CondConv1d, 2: CondConv2d}[ndim]
    return Blocks(conv=functools.partial(layer, kernel_num=kernel_num, form=form))
