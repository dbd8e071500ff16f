"""Multiply-adds against published figures and against counts by hand."""

import pytest
import torch

from dynconv import models, plugins
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

    def linear(a, b, *rest, out_shape=None, **options):  # torch's own table has no formula for it
        return 2 * a[0] * a[1] * b[0]

    own = {torch.ops.mkldnn._linear_pointwise: linear} if hasattr(torch.ops.mkldnn, "_linear_pointwise") else {}
    model = models.build(variant, width=0.125, num_classes=7).eval()
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=own) as counter:
        model(torch.zeros(1, 3, 16, 16))
    assert macs.count(model, (3, 16, 16)).executed == counter.get_total_flops() // 2


def one_dimensional(variant, **options):
    """Two blocks a stage, of the channels and positions of `STAGES`."""
    return models.build(variant, ndim=1, in_channels=1, num_classes=3, width=1 / 32, **options)


STAGES = ((2, 8), (4, 4), (8, 2), (16, 1))  # (channels, positions)


def test_gates_by_hand():
    vanilla = macs.count(one_dimensional("vanilla"), (1, 8)).theoretical
    local = vanilla + sum(2 * positions * 2 * 7 for _, positions in STAGES)  # mean and maximum, 7 neighbours
    assert macs.count(one_dimensional("soft_local"), (1, 8)) == (local, local)
    shared = vanilla + sum(2 * 2 * channels * 4 for channels, _ in STAGES)  # to 4 hidden units and back
    assert macs.count(one_dimensional("soft_global"), (1, 8)) == (shared, shared)


def test_masks_by_hand():
    """A mask unit is a 3-tap convolution at the block's output and a linear layer of the block's input."""
    vanilla = macs.count(one_dimensional("vanilla"), (1, 8)).theoretical
    inputs = [channels for before, own in zip((2, 2, 4, 8), (2, 4, 8, 16), strict=True) for channels in (before, own)]
    units = sum(c * 3 * positions + c for c, positions in zip(inputs, (8, 8, 4, 4, 2, 2, 1, 1), strict=True))
    # Two strided blocks have no fewer channels than taps: their units multiply at every position of the input.
    more = 4 * 3 * 2 + 8 * 3 * 1
    assert macs.count(one_dimensional("hard_attention"), (1, 8), 1.0) == (vanilla + units + more, vanilla + units)


@pytest.mark.parametrize("kernel_num", [1, 4])
def test_dynamic_kernels_by_hand(kernel_num):
    model = one_dimensional("odconv", kernel_num=kernel_num)
    needed = macs.count(one_dimensional("vanilla"), (1, 8)).theoretical
    layers = [(2, 2, 8)] * 4  # (in, out, positions that the attention averages)
    for half, channels, positions in ((2, 4, 8), (4, 8, 4), (8, 16, 2)):
        layers += [(half, channels, positions), *[(channels, channels, positions // 2)] * 3]
    for inputs, outputs, positions in layers:
        weights, hidden = 3 * inputs * outputs, 16
        mixture = 2 * kernel_num - 1 if kernel_num > 1 else 0
        heads = inputs + outputs + 3 + (kernel_num if kernel_num > 1 else 0)
        needed += inputs * positions + hidden * (inputs + heads) + (mixture + 2) * weights
    assert macs.count(model, (1, 8)).theoretical == needed


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", plugins.names("dynconv.models.variants"))
def test_no_layer_with_weights_is_left_out(variant, ndim):
    """Every matrix and kernel of every variant, by being there, belongs to a layer that is counted when it runs."""
    model = models.build(variant, ndim=ndim, in_channels=2, num_classes=5, width=0.125).eval()
    counted = set()
    macs._hook(model, lambda module, inputs, output: counted.update(module.parameters()))
    with torch.no_grad():
        model(torch.zeros(1, 2, *[16] * ndim))
    missed = [name for name, p in model.named_parameters() if p.dim() > 1 and p not in counted]
    # Cells are no kernels: many layers share them, and each counts what it makes of them.
    assert not [name for name in missed if not name.startswith("warehouses.")]
