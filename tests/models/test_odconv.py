"""ODConv against the paper's formula, written out example by example in float64."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from dynconv.errors import DynconvError
from dynconv.models.layers import ODConv1d, ODConv2d
from dynconv.models.layers.dynamic import Attentions
from dynconv.models.layers.dynamic.plain import aggregate, form, shared

LAYER = {1: ODConv1d, 2: ODConv2d}
CONV = {1: F.conv1d, 2: F.conv2d}


def textbook(layer, x, temperature=1.0):
    """Mix, scale every axis of the kernel, convolve each example in a group of its own."""
    attention, batch, ndim = layer.attention, len(x), x.dim() - 2
    z = torch.einsum("oc,bc->bo", attention.fc.weight.flatten(1), x.flatten(2).mean(-1))
    bn = attention.bn
    if layer.training and batch > 1:
        mean, var = z.mean(0), z.var(0, unbiased=False)
    else:
        mean, var = bn.running_mean, bn.running_var
    z = ((z - mean) / torch.sqrt(var + bn.eps) * bn.weight + bn.bias).clamp(min=0)

    def head(name):
        module = getattr(attention, name)
        return None if module is None else (z @ module.weight.flatten(1).T + module.bias) / temperature

    ones = [1] * ndim
    channel = torch.sigmoid(head("channel_fc")).view(batch, layer.groups, -1)
    kernels = []
    for b in range(batch):
        if attention.kernel_fc is None:
            kernel = layer.weight[0]
        else:
            kernel = sum(a * w for a, w in zip(torch.softmax(head("kernel_fc")[b], 0), layer.weight, strict=True))
        if attention.spatial_fc is not None:
            kernel = kernel * torch.sigmoid(head("spatial_fc")[b]).view(kernel.shape[2:])
        if attention.filter_fc is not None:
            kernel = kernel * torch.sigmoid(head("filter_fc")[b]).view(-1, 1, *ones)
        per_group = layer.out_channels // layer.groups
        kernels.append(kernel * channel[b].repeat_interleave(per_group, 0).view(*kernel.shape[:2], *ones))
    y = CONV[ndim](
        x.reshape(1, -1, *x.shape[2:]),
        torch.cat(kernels),
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
        batch * layer.groups,
    )
    return y.view(batch, layer.out_channels, *y.shape[2:])


# in, out, kernel, stride, padding, dilation, groups, extent
SHAPES = [
    (4, 6, 3, 1, 1, 1, 1, 7),
    (4, 6, 3, 2, 1, 1, 1, 8),
    (3, 40, 3, 1, 1, 1, 1, 2),  # more filters than positions: the shared form
    (4, 48, 3, 2, 1, 1, 2, 5),  # the same with groups
    (4, 6, 3, 1, 2, 2, 2, 6),
    (4, 6, 3, 2, 3, 3, 1, 9),
    (6, 6, 3, 1, 1, 1, 6, 5),  # depth-wise: no filter head
    (4, 6, 1, 1, 0, 1, 1, 5),  # 1x1: no spatial head
    (4, 40, 1, 2, 0, 1, 1, 3),
    (4, 6, 5, 1, 2, 1, 1, 5),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kernel_num", [1, 4])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_equals_the_textbook(ndim, shape, kernel_num, batch, training):
    torch.manual_seed(0)
    *arguments, extent = shape
    layer = LAYER[ndim](*arguments, kernel_num=kernel_num).double().train(training)
    for parameter in layer.attention.parameters():
        torch.nn.init.normal_(parameter)
    layer.anneal(temperature=2.0, fraction=0.0)
    x = torch.randn(batch, shape[0], *[extent] * ndim, dtype=torch.float64, requires_grad=True)
    wanted = textbook(layer, x, temperature=2.0)
    got = layer(x)
    assert got.shape == wanted.shape
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(got)
    inputs = [x, *layer.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad((got * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_the_cases_reach_both_forms():
    reached = set()
    for (_, out, _, stride, _, _, groups, extent), ndim, n in itertools.product(SHAPES, [1, 2], [1, 4]):
        reached.add((form(n, out // groups, (-(-extent // stride)) ** ndim), n, groups > 1))
    assert len(reached) == 8


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("n", [1, 4])
def test_both_forms_are_equal(n, groups):
    torch.manual_seed(0)
    columns = torch.randn(3, 8, 9, 5, dtype=torch.float64)
    weight = torch.randn(n, 12, 8 // groups, 3, 3, dtype=torch.float64)
    kernel = torch.rand(3, n, dtype=torch.float64) if n > 1 else None
    attention = Attentions(torch.rand(3, 8), None, torch.rand(3, 9, dtype=torch.float64), kernel)
    torch.testing.assert_close(
        shared(columns, weight, attention, groups),
        aggregate(columns, weight, attention, groups),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("ndim", [1, 2])
def test_parameters_are_those_of_the_published_layer(ndim):
    ones, kernel = [1] * ndim, [3] * ndim
    expected = {
        "weight": [4, 64, 32, *kernel],
        "attention.fc.weight": [16, 32, *ones],
        "attention.bn.weight": [16],
        "attention.bn.bias": [16],
        "attention.bn.running_mean": [16],
        "attention.bn.running_var": [16],
        "attention.bn.num_batches_tracked": [],
        "attention.channel_fc.weight": [32, 16, *ones],
        "attention.channel_fc.bias": [32],
        "attention.filter_fc.weight": [64, 16, *ones],
        "attention.filter_fc.bias": [64],
        "attention.spatial_fc.weight": [3**ndim, 16, *ones],
        "attention.spatial_fc.bias": [3**ndim],
        "attention.kernel_fc.weight": [4, 16, *ones],
        "attention.kernel_fc.bias": [4],
    }
    layer = LAYER[ndim](32, 64, 3, padding=1)
    assert {name: list(value.shape) for name, value in layer.state_dict().items()} == expected
    layer.load_state_dict({name: torch.ones(shape) for name, shape in expected.items()}, strict=True)


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
