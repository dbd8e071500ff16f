"""What ODConv is made of: parameters, heads, initialisation, temperature.  Its numbers: test_odconv_exact.py."""

import pytest
import torch
import torch.nn.functional as F

from dynconv.errors import DynconvError
from dynconv.models.layers import ODConv2d


def test_heads_without_a_choice_are_absent():
    def heads(*arguments, **options):
        return {name.split(".")[1] for name in ODConv2d(*arguments, **options).state_dict() if "_fc.weight" in name}

    assert heads(8, 8, 3, groups=8) == {"channel_fc", "spatial_fc", "kernel_fc"}
    assert heads(8, 16, 1) == {"channel_fc", "filter_fc", "kernel_fc"}
    assert heads(8, 16, 3, kernel_num=1) == {"channel_fc", "filter_fc", "spatial_fc"}


def test_the_hidden_layer_has_at_least_16_channels():
    assert ODConv2d(64, 8, 3).attention.fc.out_channels == 16
    assert ODConv2d(512, 8, 3).attention.fc.out_channels == 32
    assert ODConv2d(64, 8, 3, reduction=0.5).attention.fc.out_channels == 32


def test_initialisation_is_kaiming_fan_out_per_kernel():
    torch.manual_seed(0)
    layer = ODConv2d(64, 128, 3)
    wanted = (2 / (128 * 9)) ** 0.5
    for kernel in layer.weight:
        assert float(kernel.detach().std()) == pytest.approx(wanted, rel=0.02)
    assert all(not p.any() for name, p in layer.named_parameters() if name.endswith("_fc.bias"))


def test_a_high_temperature_makes_the_attentions_uniform():
    torch.manual_seed(0)
    layer = ODConv2d(8, 8, 3, padding=1).eval()
    x = torch.randn(2, 8, 5, 5)
    layer.anneal(temperature=1e6, fraction=0.0)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight.mean(0), padding=1) / 8, rtol=1e-4, atol=1e-5)


def test_temperature_is_set_in_place_and_not_saved():
    layer = ODConv2d(8, 8, 3)
    before = layer.temperature
    layer.anneal(temperature=30.0, fraction=0.0)
    assert before is layer.temperature and float(before) == 30
    assert "temperature" not in layer.state_dict()


def test_one_training_example_leaves_the_running_statistics():
    layer = ODConv2d(8, 8, 3, padding=1).train()
    before = layer.attention.bn.running_mean.clone()
    layer(torch.randn(1, 8, 4, 4))
    assert torch.equal(layer.attention.bn.running_mean, before)
    layer(torch.randn(2, 8, 4, 4))
    assert not torch.equal(layer.attention.bn.running_mean, before)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((8, 8, 0), {}, "kernel_size is 0"),
        ((8, 8, 3), {"kernel_num": 0}, "kernel_num is 0"),
        ((8, 8, 3), {"reduction": 2}, "reduction is 2; valid: a number above 0 and at most 1"),
        ((8, 8, 3), {"padding": -1}, "padding is -1"),
        ((8, 9, 3), {"groups": 4}, "groups is 4; valid: a divisor of 8 and 9"),
    ],
)
def test_wrong_arguments(arguments, options, message):
    with pytest.raises(DynconvError, match=message):
        ODConv2d(*arguments, **options)
