"""The plain ResNet of He et al. (2016): the control."""

from dynconv.models.blocks import Blocks
from dynconv.models.layers.dimensions import static_conv


def build(ndim: int) -> Blocks:
    """Static convolutions and nothing else."""
    return Blocks(conv=static_conv(ndim))
