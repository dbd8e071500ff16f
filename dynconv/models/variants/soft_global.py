"""Image-wise soft attention: squeeze-and-excitation (Hu et al. 2018) on every residual branch.

out = relu(shortcut(x) + y * sigmoid(W2 relu(W1 mean_S(y)))), y = branch(x) (arXiv 1709.01507, eq. 2-4).
"""

import functools

from dynconv.models.blocks import Blocks
from dynconv.models.checks import whole
from dynconv.models.layers.channel_gate import ChannelGate
from dynconv.models.layers.dimensions import static_conv


def build(ndim: int, *, reduction: int = 16) -> Blocks:
    """`reduction`: channels over hidden units of the gate."""
    whole("variant soft_global", "reduction", reduction)
    return Blocks(conv=static_conv(ndim), attention=functools.partial(ChannelGate, reduction=reduction))
