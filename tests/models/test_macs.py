"""Multiply-adds against published figures and against counts by hand."""

import pytest
import torch

from dynconv import models
from dynconv.errors import DynconvError
from dynconv.models import macs

IMAGENET = {"stem": "imagenet", "num_classes": 1000}


@pytest.mark.parametrize(
    ("variant", "options", "billions", "tolerance"),
    [
        ("vanilla", {}, 1.814, 0.0005),
        ("odconv", {}, 1.838, 0.0005),
        ("odconv", {"kernel_num": 4}, 1.916, 0.0012),  # `ODConv2d.macs` gives 1.9149
    ],
)
def test_published_figures(variant, options, billions, tolerance):
    counted = macs.count(models.build(variant, **IMAGENET, **options), (3, 224, 224))
    assert counted.theoretical / 1e9 == pytest.approx(billions, abs=tolerance)


def test_executed_equals_theory_for_static_convolutions():
    counted = macs.count(models.build("vanilla", width=0.25), (3, 33, 33))
    assert counted.executed == counted.theoretical


def test_a_small_network_by_hand():
    model = models.build("vanilla", ndim=1, in_channels=1, num_classes=3, width=1 / 64)  # 1, 2, 4, 8 channels
    stem, stages = 3 * 8, 4 * 3 * 8
    for channels, positions in ((2, 4), (4, 2), (8, 1)):
        half = channels // 2
        stages += positions * (3 * half * channels + 3 * 3 * channels**2 + half * channels)
    assert macs.count(model, (1, 8)) == (stem + stages + 8 * 3,) * 2


def test_executed_counts_the_batched_products_of_odconv():
    torch.manual_seed(0)
    counted = macs.count(models.build("odconv", ndim=1, in_channels=1, width=0.25, kernel_num=4), (1, 64))
    static = macs.count(models.build("vanilla", ndim=1, in_channels=1, width=0.25), (1, 64))
    assert counted.executed > static.executed


def test_hard_attention_needs_the_measured_fraction():
    model = models.build("hard_attention", width=0.25, budget=0.5)
    full, half, none = (macs.count(model, (3, 32, 32), fraction).theoretical for fraction in (1.0, None, 0.0))
    # The logits of a block with stride 2 are summed from products at every input position.
    skipped = sum(
        9 * channels * (positions - positions // 4) for channels, positions in ((16, 1024), (32, 256), (64, 64))
    )
    assert full == macs.count(model, (3, 32, 32)).executed - skipped
    assert half == pytest.approx((full + none) / 2, abs=8)  # rounded once a block
    plain = models.build("vanilla", width=0.25)
    stages = {n: c for n, c in plain.named_modules() if n.startswith("layer") and ".conv" in n}
    assert full - none == sum(
        c.weight.numel() * {"1": 1024, "2": 256, "3": 64, "4": 16}[n[5]] for n, c in stages.items()
    )


@pytest.mark.parametrize("execution", ["auto", "sparse"])
def test_a_masked_branch_counts_in_full(execution):
    wanted = macs.count(models.build("hard_attention", width=0.25, execution="dense"), (3, 32, 32))
    model = models.build("hard_attention", width=0.25, execution=execution)
    assert macs.count(model, (3, 32, 32)) == wanted
    assert model.layer1[0].mask.execution == execution


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training):
    model = models.build("hard_attention", width=0.125).train(training)
    model(torch.randn(2, 3, 16, 16))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    measured = models.measures(model)["executed_fraction"]
    macs.count(model, (3, 24, 24))
    assert all(module.training is training for module in model.modules())
    assert torch.equal(models.measures(model)["executed_fraction"], measured)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_segmentation_is_counted():
    model = models.build_segmentation("vanilla", width=0.125, head="deeplabv3")
    counted = macs.count(model, (3, 64, 64))
    assert counted.executed == counted.theoretical > 0


def test_wrong_fraction():
    with pytest.raises(DynconvError, match=r"executed_fraction is 1\.5; valid: 0 to 1"):
        macs.count(models.build("vanilla", width=0.125), (3, 8, 8), 1.5)


@pytest.mark.parametrize("variant", ["vanilla", "hard_attention", "soft_global", "odconv"])
def test_executed_equals_torchs_own_counter(variant):
    from torch.utils.flop_counter import FlopCounterMode

    model = models.build(variant, width=0.125, num_classes=7).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 16, 16))
    assert macs.count(model, (3, 16, 16)).executed == counter.get_total_flops() // 2
