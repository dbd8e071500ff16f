"""ODConv, in each form, whatever the layout of its tensors and whatever part of them is trained."""

import pytest
import torch
from odconv_cases import FORMS, assert_equal, example, make, of_layer, of_textbook

EACH_FORM = pytest.mark.parametrize("form", FORMS)

LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "every second": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "axes swapped": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "batch inside": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "a view's middle": lambda x: torch.nn.functional.pad(x, [1, 2, 3, 4])[..., 3:-4, 1:-2],
    "one image for all": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("arguments", [(4, 6, 3, 2, 1), (4, 6, 1), (4, 4, 3, 1, 1, 1, 4)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@EACH_FORM
def test_layouts_of_the_input(form, layout, arguments):
    # An image for all leaves nothing to the batch norm in training: in evaluation.
    layer = make(*arguments, form=form, training=layout != "one image for all")
    x = LAYOUTS[layout](example(3, 4, 5, 7, requires_grad=False)).requires_grad_()
    assert x.is_contiguous() is False
    assert_equal(of_layer(layer, x), of_textbook(layer, x))


@EACH_FORM
def test_a_layer_in_channels_last(form):
    layer = make(4, 6, 3, 1, 1, form=form).to(memory_format=torch.channels_last)
    x = example(3, 4, 5, 7, requires_grad=False).contiguous(memory_format=torch.channels_last).requires_grad_()
    assert_equal(of_layer(layer, x), of_textbook(layer, x))


@pytest.mark.parametrize("groups", [1, 2])
@EACH_FORM
def test_layout_of_the_weight(form, groups):
    layer = make(4, 6, 3, 1, 1, 1, groups, form=form)
    layer.weight = torch.nn.Parameter(layer.weight.detach().permute(4, 2, 3, 1, 0).contiguous().permute(4, 3, 1, 2, 0))
    assert layer.weight.shape == (4, 6, 4 // groups, 3, 3) and not layer.weight.is_contiguous()
    x = example(3, 4, 5, 7)
    assert_equal(of_layer(layer, x), of_textbook(layer, x))


@pytest.mark.parametrize(
    "tail",
    [
        lambda y: y.transpose(2, 3).contiguous(),  # its gradient has the axes swapped
        lambda y: y.contiguous(memory_format=torch.channels_last).clone(),
        lambda y: y.sum((0, 2, 3)),  # its gradient is one value for many
        lambda y: y[1:, ::2, 1:],
    ],
    ids=["axes swapped", "channels last", "expanded", "a part"],
)
@EACH_FORM
def test_layouts_of_the_gradient(form, tail):
    layer = make(4, 6, 3, 1, 1, form=form)
    x = example(3, 4, 5, 7)
    assert_equal(of_layer(layer, x, tail=tail), of_textbook(layer, x, tail=tail))


TRAINED = {
    "no gradient for x": (False, lambda name: True),
    "only attention": (True, lambda name: name.startswith("attention")),
    "only attention, no gradient for x": (False, lambda name: name.startswith("attention")),
    "only weight": (True, lambda name: name == "weight"),
    "only weight, no gradient for x": (False, lambda name: name == "weight"),
    "only x": (True, lambda name: False),
    "only one head": (False, lambda name: name.startswith("attention.kernel_fc")),
    "only the spatial head": (False, lambda name: name.startswith("attention.spatial_fc")),
    "only the filter head": (False, lambda name: name.startswith("attention.filter_fc")),
    "only the channel head": (False, lambda name: name.startswith("attention.channel_fc")),
}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("trained", TRAINED)
@EACH_FORM
def test_what_is_frozen_gets_no_gradient_and_changes_no_other(form, trained, groups):
    of_x, chosen = TRAINED[trained]
    layer = make(4, 6, 3, 2, 1, 1, groups, form=form)
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(chosen(name))
    x = example(3, 4, 5, 7, requires_grad=of_x)
    assert_equal(of_layer(layer, x), of_textbook(layer, x))


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
@EACH_FORM
def test_without_a_graph(form, guard):
    layer = make(4, 6, 3, 1, 1, form=form)
    x = example(3, 4, 5, 7)
    wanted = of_textbook(layer, x)["y"]
    with guard():
        y = layer(x)
    assert not y.requires_grad
    assert_equal({"y": y}, {"y": wanted})
