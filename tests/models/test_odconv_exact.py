"""Output and every gradient of ODConv, in each form, against the paper's formula in float64."""

import pytest
import torch
from odconv_cases import FORMS, assert_equal, example, make, of_layer, of_textbook

from dynconv.models.layers import dynamic
from dynconv.models.layers.dynamic import direct, portions, shared

# in, out, kernel, stride, padding, dilation, groups; extent
SHAPES = [
    ((4, 6, 3, 1, 1, 1, 1), 7),
    ((4, 6, 3, 2, 1, 1, 1), 8),
    ((3, 40, 3, 1, 1, 1, 1), 2),  # many filters, few positions
    ((4, 48, 3, 2, 1, 1, 2), 5),  # the same with groups
    ((4, 6, 3, 1, 2, 2, 2), 6),
    ((4, 6, 3, 2, 3, 3, 1), 9),
    ((6, 6, 3, 1, 1, 1, 6), 5),  # depth-wise: no filter head
    ((6, 6, 3, 2, 2, 2, 6), 5),
    ((4, 8, 3, 1, 1, 1, 4), 5),  # one input channel a group, and yet a filter head
    ((4, 6, 1, 1, 0, 1, 1), 5),  # 1x1: no spatial head
    ((4, 40, 1, 2, 0, 1, 2), 3),
    ((4, 6, 1, 1, 1, 1, 1), 3),  # 1x1 with a border of zeros
    ((4, 6, 7, 1, 3, 1, 1), 7),
    ((2, 6, 7, 2, 3, 1, 1), 5),
    ((4, 6, 7, 1, 3, 1, 2), 3),  # smaller than the kernel
    ((4, 6, 3, 2, 2, 2, 1), 1),  # most of the kernel sees padding only
    ((4, 6, 3, 1, 0, 1, 1), 3),  # a single output position along one axis
    ((4, 6, 2, 1, 1, 1, 1), 4),  # an even kernel
    ((4, 6, 2, 3, 0, 1, 1), 9),  # a stride that skips input
]
# n, batch, training: each n meets both modes and a batch of one
SETTINGS = [(1, 3, True), (1, 1, False), (2, 1, True), (2, 3, False), (4, 3, True), (4, 1, False), (8, 4, True)]
EACH_FORM = pytest.mark.parametrize("form", FORMS)


def extents(ndim, extent):
    """Never square: a mistaken axis shows."""
    return [extent, extent + 2][:ndim]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_float64(form, ndim, shape, setting):
    arguments, extent = shape
    n, batch, training = setting
    layer = make(*arguments, form=form, ndim=ndim, kernel_num=n, training=training)
    x = example(batch, arguments[0], *extents(ndim, extent))
    assert_equal(of_layer(layer, x), of_textbook(layer, x))


# No batch of two or three in training: after a batch norm of two values the gradient cancels to nothing, for which the
# textbook in float32 misses the tolerance, too.
@pytest.mark.parametrize("setting", [(1, 4, True), (4, 5, True), (8, 2, False)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_float32(form, ndim, shape, setting):
    arguments, extent = shape
    n, batch, training = setting
    layer = make(*arguments, form=form, ndim=ndim, kernel_num=n, training=training, dtype=torch.float32)
    x = example(batch, arguments[0], *extents(ndim, extent), dtype=torch.float32)
    ours = of_layer(layer, x)
    assert all(tensor.dtype == torch.float32 for tensor in ours.values())
    assert_equal(ours, of_textbook(layer, x), tolerance=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_wide_layers_in_float32(form, ndim, training):
    # Long sums: 96 channels by 3 or 9 positions, forward, and 512 output positions in the weight's gradient.
    layer = make(96, 64, 3, 1, 1, form=form, ndim=ndim, training=training, dtype=torch.float32)
    x = example(4, 96, *[128, 16][ndim - 1 : ndim], *[8][: ndim - 1], dtype=torch.float32)
    assert_equal(of_layer(layer, x), of_textbook(layer, x), tolerance=1e-4)


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("form", dynamic.FORMS)
def test_in_small_pieces(form, limit, monkeypatch):
    """Portions of one example and of a few, channel by channel, tiles with a remainder: what large layers meet."""
    monkeypatch.setattr(shared, "BUDGET", {"cpu": limit})
    monkeypatch.setattr(portions, "WORKSPACE", {"cpu": limit})
    monkeypatch.setattr(direct, "TOGETHER", limit)
    for ndim, size in ((1, (35,)), (2, (5, 35))):
        layer, x = make(4, 6, 3, 2, 1, ndim=ndim, form=form), example(5, 4, *size)
        assert_equal(of_layer(layer, x), of_textbook(layer, x))
