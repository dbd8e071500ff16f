"""What a variant may change in a residual block: the seam between the variants and the ResNet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn


class ConvShape(NamedTuple):
    """One convolution of a residual branch; the first six arguments of `torch.nn.Conv2d`, in that order.

    Padding is half the dilated kernel, so that the output has ceil(input / stride) positions on each axis.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    padding: int
    dilation: int


@dataclass(frozen=True)
class Blocks:
    """The pieces from which every residual block is made: out = relu(shortcut + mask(x) * attention(branch(x))).

    A variant returns one of these from its `build`; the stem, the shortcuts and the classifier are never touched.

    Attributes:
        conv: makes a convolution of the branch, called with the fields of a `ConvShape`.
        attention: makes, for a number of channels C, a module [B, C, *S] -> [B, C, *S] that ends the branch.
        mask: makes, for the shapes of the branch's convolutions, a module from the block's input [B, Cin, *S_in] to a
            mask [B, 1, *S] at the block's output resolution.  None: the branch is computed everywhere.
        loss: the variant's own loss, a scalar, of the model after its forward pass.
        measures: the variant's own measures of the last forward pass, each of shape [B].
        finish: called once with the built and initialised backbone: for what a layer cannot know when it is made, its
            stage for one, or the layers that it shares parameters with.
    """

    conv: Callable[..., nn.Module]
    attention: Callable[[int], nn.Module] | None = None
    mask: Callable[[Sequence[ConvShape]], nn.Module] | None = None
    loss: Callable[[nn.Module], torch.Tensor] | None = None
    measures: Callable[[nn.Module], dict[str, torch.Tensor]] | None = None
    finish: Callable[[nn.Module], None] | None = None
