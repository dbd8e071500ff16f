"""Deformable convolution (Dai et al. 2017, Zhu et al. 2018) in the last stages of the network."""

import functools
import itertools

from torch import nn

from dynconv.errors import DynconvError
from dynconv.models.blocks import Blocks
from dynconv.models.layers.deformable import DeformableConv
from dynconv.models.layers.dimensions import CONV, static_conv
from dynconv.models.resnet import stages as stages_of


def build(ndim: int, *, modulated: bool = True, stages: int = 3) -> Blocks:
    """`modulated`: as in 2018 (v2), else as in 2017 (v1); `stages`: how many, from the last, have deformable 3x3
    convolutions: 3 is conv3 to conv5 of v2, 1 is conv5, where v1 begins, and 4 is every one.

    A bottleneck's 1x1 convolutions, the stem and the shortcuts stay static.
    """
    if not isinstance(modulated, bool):
        raise DynconvError(f"variant deformable: modulated is {modulated!r}; valid: true or false")
    if type(stages) is not int or stages not in (1, 2, 3, 4):
        raise DynconvError(f"variant deformable: stages is {stages!r}; valid: 1, 2, 3, 4")
    return Blocks(conv=static_conv(ndim), finish=functools.partial(_deform, ndim, modulated, stages))


def _deform(ndim: int, modulated: bool, stages: int, backbone: nn.Module) -> None:
    """Replace the convolutions with more than one kernel position, in the last stages."""
    for block in itertools.chain(*stages_of(backbone)[-stages:]):
        for name, conv in block.named_children():
            if isinstance(conv, CONV[ndim]) and conv.kernel_size[0] > 1:
                shape = (conv.in_channels, conv.out_channels, conv.kernel_size[0])
                geometry = (conv.stride[0], int(conv.padding[0]), conv.dilation[0])
                setattr(block, name, DeformableConv(ndim, *shape, *geometry, modulated=modulated))
