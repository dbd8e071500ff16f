"""The layers that are looked at, in every variant."""

import pytest
import torch
from torch import nn

from dynconv import models, plugins
from dynconv.models.blocks import Blocks
from dynconv.models.branches import attentions, branch_layers
from dynconv.models.layers import ChannelGate, SpatialGate
from dynconv.models.layers.dimensions import static_conv
from dynconv.models.resnet import ResNet


@pytest.mark.parametrize("variant", plugins.names("dynconv.models.variants"))
def test_the_convolutions_of_the_branches_are_among_them(variant):
    model = models.build(variant, ndim=1, in_channels=1, num_classes=3, width=0.125).eval()
    layers = branch_layers(model)
    convolutions = [f"layer{stage}.{block}.conv{k}" for stage in range(1, 5) for block in range(2) for k in (1, 2)]
    assert [name for name in layers if ".conv" in name] == convolutions
    assert all(model.get_submodule(name) is layer for name, layer in layers.items())
    seen = []
    for layer in layers.values():
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append(attentions(layer, inputs[0])))
    with torch.no_grad():
        model(torch.randn(3, 1, 32))
    assert len(seen) == len(layers)
    for told in seen:
        assert all(part.dim() == 2 and len(part) == 3 and part.isfinite().all() for part in told.values())
    if variant == "vanilla":
        assert not any(seen)


@pytest.mark.parametrize(
    ("variant", "gates"), [("soft_local", "attention"), ("soft_global", "attention"), ("hard_attention", "mask")]
)
def test_a_gate_says_what_it_does(variant, gates):
    model = models.build(variant, ndim=1, in_channels=1, num_classes=3, width=0.125).eval()
    layers = {name: layer for name, layer in branch_layers(model).items() if name.endswith(gates)}
    assert len(layers) == 8
    layer, x = layers[f"layer1.0.{gates}"], torch.randn(3, 8, 20)
    with torch.no_grad():
        told = attentions(layer, x)["gate"]
        if gates == "mask":
            assert torch.equal(layer(x).flatten(1), (told > 0.5).float())
        else:
            torch.testing.assert_close(layer(x), x * told.view(3, *(-1, 1) if variant == "soft_global" else (1, -1)))


def test_what_a_part_has_beside_its_gates_is_a_layer_too():
    model = models.build("se_cbam", ndim=1, in_channels=1, num_classes=3, width=0.125)
    names = [name for name in branch_layers(model) if name.startswith("layer1.0")]
    assert names == [f"layer1.0.{part}" for part in ("conv1", "conv2", "attention", "attention.spatial")]


def test_a_part_with_several_gates_is_represented_by_them():
    blocks = Blocks(conv=static_conv(1), attention=lambda c: nn.Sequential(ChannelGate(c), SpatialGate(1)))
    model = ResNet(blocks, ndim=1, in_channels=1, num_classes=2, depth=18, width=0.125, stem="small")
    names = [name for name in branch_layers(model) if name.startswith("layer1.0")]
    assert names == [f"layer1.0.{part}" for part in ("conv1", "conv2", "attention.0", "attention.1")]
