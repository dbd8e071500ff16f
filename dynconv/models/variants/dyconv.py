"""Dynamic convolution (Chen et al. 2020) in place of every convolution of the residual branches."""

import functools

from dynconv.models.blocks import Blocks
from dynconv.models.layers.dyconv import DyConv1d, DyConv2d


def build(ndim: int, *, kernel_num: int = 4, reduction: float = 1 / 4, form: str = "auto") -> Blocks:
    """`kernel_num`: kernels mixed for each example; `reduction`: hidden units of the attention over input channels;
    `form`: how it is computed, see `dynamic_conv`.

    The paper makes all convolutions dynamic but the first; here the shortcuts stay static as well.
    """
    layer = {1: DyConv1d, 2: DyConv2d}[ndim]
    return Blocks(conv=functools.partial(layer, kernel_num=kernel_num, reduction=reduction, form=form))
