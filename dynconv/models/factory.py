"""From a variant's name to a network."""

import inspect
from typing import Any

from torch import nn

from dynconv import plugins
from dynconv.errors import DynconvError, valid
from dynconv.models.blocks import Blocks
from dynconv.models.checks import positive, whole
from dynconv.models.resnet import BLOCKS_PER_STAGE, STEM_STRIDE, Backbone, ResNet
from dynconv.models.segmentation import DeepLabV3Head, FCNHead, Segmenter
from dynconv.study import VARIANTS

SMALL_STEM_STRIDE = 8


def build(
    variant: str,
    *,
    ndim: int = 2,
    in_channels: int = 3,
    num_classes: int = 200,
    depth: int = 18,
    width: float = 1.0,
    stem: str = "small",
    **options: Any,
) -> nn.Module:
    """A classifier: [B, in_channels, *spatial] with `ndim` spatial axes -> logits [B, num_classes].

    Args:
        variant: name of a file in `dynconv/models/variants/`.
        ndim: 1 (series) or 2 (images).
        in_channels: channels of the input.
        num_classes: number of logits.
        depth: 18, 34 or 50.
        width: factor on every channel count; 1.0 is 64, 128, 256, 512.
        stem: "small" (3x3, stride 1) or "imagenet" (7x7, stride 2, and max-pool).
        options: the variant's own options.

    Raises:
        DynconvError: an unknown variant or option, or a value out of range.
    """
    whole("model", "num_classes", num_classes)
    common = _checked(ndim=ndim, in_channels=in_channels, depth=depth, width=width, stem=stem)
    return ResNet(_blocks(variant, ndim, options), num_classes=num_classes, **common)


def build_segmentation(
    variant: str,
    *,
    in_channels: int = 3,
    num_classes: int = 21,
    depth: int = 18,
    width: float = 1.0,
    stem: str = "imagenet",
    output_stride: int = 16,
    head: str = "fcn",
    **options: Any,
) -> nn.Module:
    """A segmentation network: [B, in_channels, H, W] -> logits [B, num_classes, H, W].

    Args:
        variant: as in `build`, like the arguments that are not named here.
        output_stride: extent of the input over that of the features: 8, 16 or 32.  The backbone with the stem "small"
            has stride 8 by itself, so that 16 and 32 mean 8 there.
        head: "fcn" or "deeplabv3".

    Raises:
        DynconvError: an unknown variant or option, or a value out of range.
    """
    whole("model", "num_classes", num_classes)
    _among("output_stride", output_stride, (8, 16, 32))
    _among("head", head, ("fcn", "deeplabv3"))
    common = _checked(ndim=2, in_channels=in_channels, depth=depth, width=width, stem=stem)
    stride = min(output_stride, SMALL_STEM_STRIDE) if stem == "small" else output_stride
    backbone = Backbone(_blocks(variant, 2, options), output_stride=stride, **common)
    channels = backbone.out_channels
    return Segmenter(
        backbone, FCNHead(channels, num_classes) if head == "fcn" else DeepLabV3Head(channels, num_classes, stride)
    )


def _blocks(variant: str, ndim: int, options: dict[str, Any]) -> Blocks:
    make = plugins.load(VARIANTS, variant).build
    known = [name for name in inspect.signature(make).parameters if name != "ndim"]
    if unknown := sorted(set(options) - set(known)):
        raise DynconvError(f"variant {variant}: unknown option {unknown[0]!r}; {valid(known)}")
    return make(ndim, **options)


def _checked(**common: Any) -> dict[str, Any]:
    _among("ndim", common["ndim"], (1, 2))
    _among("depth", common["depth"], BLOCKS_PER_STAGE)
    _among("stem", common["stem"], STEM_STRIDE)
    whole("model", "in_channels", common["in_channels"])
    positive("model", "width", common["width"])
    return common


def _among(name: str, value: Any, choices: Any) -> None:
    if isinstance(value, bool) or value not in choices:
        raise DynconvError(f"model: {name} is {value!r}; {valid(choices)}")
