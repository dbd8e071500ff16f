"""Parameters and multiply-adds of the further variants against published figures.

Where the publication places the layer elsewhere than the variant does, its placement is rebuilt here with our layers.
Nothing is allocated: the networks are on torch's `meta` device.
"""

import pytest
import torch
import torchvision

from dynconv import models
from dynconv.models import macs
from dynconv.models.layers import CondConv2d, DyConv2d

IMAGE = (3, 224, 224)


@pytest.fixture(autouse=True)
def _meta():
    with torch.device("meta"):
        yield


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def billions(model):
    return macs.count(model, IMAGE).theoretical / 1e9


def replace(model, layer, chosen, **options):
    """`model` with `layer` in the place of every convolution whose name is `chosen`."""
    for name, conv in list(model.named_modules()):
        if isinstance(conv, torch.nn.Conv2d) and chosen(name):
            parent, _, child = name.rpartition(".")
            geometry = (conv.kernel_size[0], conv.stride[0], conv.padding[0], conv.dilation[0], conv.groups)
            new = layer(conv.in_channels, conv.out_channels, *geometry, **options)
            setattr(model.get_submodule(parent), child, new)
    return model


def repeated_routing(model, depth):
    """What a routing of its own for each layer adds to one shared by a block; `depth`: parts of a block's name."""
    blocks = set()
    extra = 0
    for name, layer in model.named_modules():
        if isinstance(layer, CondConv2d):
            block = ".".join(name.split(".")[:depth])
            extra += layer.attention.fc.weight.numel() * (block in blocks)
            blocks.add(block)
    return extra


def test_cbam_resnet18():
    """Woo et al. 2018, table of ImageNet: 11.78 M and 1.815 G."""
    model = models.build("se_cbam", stem="imagenet", num_classes=1000)
    assert round(parameters(model) / 1e6, 2) == 11.78
    assert round(billions(model), 3) == 1.815


def test_dyconv_resnet18():
    """Li et al. 2022 (ODConv), table of ImageNet: DyConv 4x has 45.47 M and 1.861 G, with dynamic shortcuts."""
    ours = models.build("dyconv", stem="imagenet", num_classes=1000)
    static = parameters(ours), billions(ours)
    published = replace(ours, DyConv2d, lambda name: ".downsample." in name)
    assert round(parameters(published) / 1e6, 2) == 45.47
    assert round(billions(published), 3) == 1.861
    # Three shortcuts, C to 2 C: three more kernels, the attention; the mixture of four kernels and the mean.
    layers = {c: c * c // 4 + c + 4 for c in (64, 128, 256)}
    assert parameters(published) - static[0] == sum(3 * 2 * c * c + layers[c] for c in layers)
    pixels = {64: 56**2, 128: 28**2, 256: 14**2}
    extra = sum(4 * 2 * c * c + layers[c] - 4 + c * pixels[c] for c in layers)
    assert round(1e9 * (billions(published) - static[1])) == extra


def test_dyconv_resnet50():
    """Chen et al. 2025 (FDConv), table of COCO: 75.3 M more in a ResNet-50 for DyConv 4x, all but the stem dynamic."""
    static = torchvision.models.resnet50()
    before = parameters(static)
    dynamic = replace(static, DyConv2d, lambda name: name != "conv1")
    assert round((parameters(dynamic) - before) / 1e6, 1) == 75.3


def test_condconv_resnet50():
    """Chen et al. 2025 (FDConv), table of COCO: 90.0 M more for CondConv 8x, in the last three blocks."""
    static = torchvision.models.resnet50()
    before = parameters(static)
    dynamic = replace(static, CondConv2d, lambda name: name.startswith("layer4") and "downsample" not in name)
    assert round((parameters(dynamic) - before) / 1e6, 1) == 90.0


def test_condconv_resnet18():
    """Li et al. 2022 (ODConv), table of ImageNet: 81.35 M and 1.894 G for CondConv 8x.

    Both come out with the last three blocks and the classifier, one routing a block; the variant replaces all branches.
    """
    ours = models.build("condconv", stem="imagenet", num_classes=1000)
    vanilla = models.build("vanilla", stem="imagenet", num_classes=1000)
    branches = [m for name, m in vanilla.named_modules() if name.startswith("layer") and ".conv" in name]
    experts = sum(7 * m.weight.numel() for m in branches)
    routing = sum(8 * m.in_channels for m in branches)
    assert parameters(ours) == parameters(vanilla) + experts + routing

    last = ("layer3.1.", "layer4.")
    published = replace(vanilla, CondConv2d, lambda name: name.startswith(last) and "downsample" not in name)
    classifier = CondConv2d(512, 1000, 1)
    features = torch.zeros(1, 512, 1, 1)
    extra = parameters(classifier) - 512 * 1000
    extra_macs = classifier.macs(features, classifier(features)) - 512 * 1000
    assert round((parameters(published) + extra - repeated_routing(published, 2)) / 1e6, 2) == 81.35
    assert round(billions(published) + extra_macs / 1e9, 3) == 1.894


@pytest.mark.parametrize(("experts", "millions", "more_macs"), [(4, 13.3, 11), (8, 24.0, 22)])
def test_condconv_efficientnet(experts, millions, more_macs):
    """The authors' release: EfficientNet-B0 of 5.3 M and 391 M multiply-adds becomes 13.3 M, 402 M and 24.0 M, 413 M.

    The last three groups of blocks, one routing a block.  The static network counts 386 M here (theirs: 391 M), so the
    difference is compared, to the million to which both figures are rounded.
    """
    static = torchvision.models.efficientnet_b0()
    before = billions(static)
    last = ("features.5.", "features.6.", "features.7.")
    dynamic = replace(static, CondConv2d, lambda name: name.startswith(last) and ".fc" not in name, kernel_num=experts)
    assert round((parameters(dynamic) - repeated_routing(dynamic, 3)) / 1e6, 1) == millions
    assert 1e3 * (billions(dynamic) - before) == pytest.approx(more_macs, abs=1.5)
