"""Sizes, structure and errors of the networks."""

import subprocess
import sys

import pytest
import torch
import torchvision

from dynconv import models
from dynconv.errors import DynconvError


@pytest.mark.parametrize(
    ("variant", "options", "imagenet", "tiny_imagenet"),
    [
        ("vanilla", {}, 11.69, 11.27),
        ("odconv", {}, 11.94, 11.53),
        ("odconv", {"kernel_num": 4}, 44.90, 44.48),
    ],
)
def test_published_parameter_counts(variant, options, imagenet, tiny_imagenet):
    with torch.device("meta"):
        large = models.build(variant, stem="imagenet", num_classes=1000, **options)
        small = models.build(variant, stem="small", num_classes=200, **options)
    assert round(sum(p.numel() for p in large.parameters()) / 1e6, 2) == imagenet
    assert round(sum(p.numel() for p in small.parameters()) / 1e6, 2) == tiny_imagenet


@pytest.mark.parametrize(("kernel_num", "millions"), [(1, 28.64), (4, 90.67)])
def test_published_parameter_counts_of_odconv_resnet50(kernel_num, millions):
    with torch.device("meta"):
        model = models.build("odconv", depth=50, stem="imagenet", num_classes=1000, kernel_num=kernel_num)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_vanilla_is_torchvisions_resnet(depth):
    torch.manual_seed(0)
    ours = models.build("vanilla", depth=depth, stem="imagenet", num_classes=1000).eval()
    theirs = getattr(torchvision.models, f"resnet{depth}")().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilated_backbone_is_torchvisions(output_stride):
    torch.manual_seed(0)
    ours = models.build_segmentation("vanilla", depth=50, output_stride=output_stride).backbone.eval()
    theirs = torchvision.models.resnet50(replace_stride_with_dilation=[False, output_stride == 8, True]).eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")}, strict=True)
    theirs.avgpool = theirs.fc = torch.nn.Identity()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features = ours(x)
        torch.testing.assert_close(features.flatten(1), theirs(x), rtol=1e-4, atol=1e-4)
    assert features.shape[2:] == (64 // output_stride, 64 // output_stride)


def test_a_smaller_output_stride_has_the_same_parameters():
    shapes = [
        {k: v.shape for k, v in models.build_segmentation("vanilla", width=0.125, output_stride=s).state_dict().items()}
        for s in (8, 16, 32)
    ]
    assert shapes[0] == shapes[1] == shapes[2]


def test_initialisation():
    torch.manual_seed(0)
    model = models.build("vanilla")
    conv = model.layer2[0].conv1
    assert conv.bias is None
    assert float(conv.weight.detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert torch.equal(model.layer2[0].bn2.weight, torch.ones(128))


def test_width_multiplies_every_channel_count():
    model = models.build("vanilla", width=0.25)
    assert [getattr(model, f"layer{i}")[-1].conv2.out_channels for i in (1, 2, 3, 4)] == [16, 32, 64, 128]


@pytest.mark.parametrize(
    ("variant", "arguments", "message"),
    [
        ("nothing", {}, "unknown variant 'nothing'; valid: .*vanilla"),
        ("odconv", {"kernels": 4}, "unknown option 'kernels'; valid: form, kernel_num, reduction"),
        ("vanilla", {"kernel_num": 4}, r"unknown option 'kernel_num'; valid: \(none\)"),
        ("odconv", {"kernel_num": "four"}, "kernel_num is 'four'; valid: an integer"),
        ("odconv", {"reduction": 0}, "reduction is 0; valid: a number above 0 and at most 1"),
        ("hard_attention", {"budget": 1.5}, "budget is 1.5; valid: a number above 0 and at most 1"),
        ("hard_attention", {"budget": float("nan")}, "budget is nan"),
        ("soft_local", {"kernel_size": 4}, "kernel_size is 4; valid: an odd integer"),
        ("soft_global", {"reduction": 0}, "reduction is 0; valid: an integer of at least 1"),
        ("vanilla", {"depth": 19}, "depth is 19; valid: 18, 34, 50"),
        ("vanilla", {"ndim": 3}, "ndim is 3; valid: 1, 2"),
        ("vanilla", {"stem": "big"}, "stem is 'big'; valid: imagenet, small"),
        ("vanilla", {"width": 0}, "width is 0; valid: a number above 0"),
        ("vanilla", {"width": float("inf")}, "width is inf"),
        ("vanilla", {"num_classes": 0}, "num_classes is 0"),
        ("vanilla", {"in_channels": True}, "in_channels is True"),
    ],
)
def test_errors_say_what_is_valid(variant, arguments, message):
    with pytest.raises(DynconvError, match=message) as caught:
        models.build(variant, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_stride": 4}, "output_stride is 4; valid: 16, 32, 8"),
        ({"head": "unet"}, "head is 'unet'; valid: deeplabv3, fcn"),
    ],
)
def test_segmentation_errors_say_what_is_valid(arguments, message):
    with pytest.raises(DynconvError, match=message):
        models.build_segmentation("vanilla", **arguments)


def test_listing_the_variants_imports_no_torch():
    code = (
        "import sys; from dynconv import models, plugins; plugins.names('dynconv.models.variants'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_attribute_of_the_package():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = models.nothing
