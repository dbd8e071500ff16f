"""Sparse execution of hard attention against the dense one."""

import dataclasses

import pytest
import torch
from torch import nn

from dynconv import models
from dynconv.errors import DynconvError
from dynconv.models import resnet
from dynconv.models.layers import sparse_branch
from dynconv.models.layers.execution import pays
from dynconv.models.layers.spatial_mask import masks
from dynconv.models.resnet import Block, branch
from dynconv.models.variants import hard_attention


def randomise(model):
    """Batch norms as after a training: no statistic, gain or shift is trivial."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for value in (module.running_mean, module.bias.data):
                value.normal_()
            for value in (module.running_var, module.weight.data):
                value.uniform_(0.5, 2)
    return model.eval()


def block(ndim, depth=18, stride=1, dilation=1, channels=(6, 5)):
    torch.manual_seed(0)
    shapes = branch(depth, *channels, stride, dilation)
    return randomise(Block(shapes, hard_attention.build(ndim), ndim))


def both_ways(model, x):
    results = []
    for execution in ("dense", "sparse"):
        for unit in masks(model):
            unit.execution = execution
        with torch.no_grad():
            results.append(model(x))
    return results


@pytest.fixture
def counted(monkeypatch):
    """How many branches ran sparsely."""
    calls = []

    def spy(*args):
        calls.append(args)
        return sparse_branch.add_branch(*args)

    monkeypatch.setattr(resnet, "add_branch", spy)
    return calls


CASES = [(18, 1, 1), (18, 2, 1), (18, 1, 2), (50, 1, 1), (50, 2, 1), (50, 1, 4)]


@pytest.mark.parametrize("bias", [0.0, -100.0, 100.0])
@pytest.mark.parametrize(("depth", "stride", "dilation"), CASES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_a_block_is_the_dense_one(ndim, depth, stride, dilation, bias, counted):
    model = block(ndim, depth, stride, dilation).double()
    nn.init.constant_(model.mask.squeeze.bias, bias)
    for batch in (1, 3):
        x = torch.randn(batch, 6, *[9, 7][:ndim], dtype=torch.float64)
        dense, sparse = both_ways(model, x)
        assert sparse.shape == dense.shape
        torch.testing.assert_close(sparse, dense, rtol=1e-10, atol=1e-10)
        active = float(model.mask(x).detach().mean())
        assert active == (bias > 0) if bias else 0 < active < 1 or batch == 1
    assert len(counted) == 2


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_shortcut_may_be_the_input_itself(memory_format):
    model = block(2, channels=(6, 6))
    assert isinstance(model.downsample, nn.Identity)
    x = torch.randn(2, 6, 8, 8).to(memory_format=memory_format)
    before = x.clone()
    dense, sparse = both_ways(model, x)
    torch.testing.assert_close(sparse, dense, rtol=1e-5, atol=1e-5)
    assert torch.equal(x, before)


def test_the_layout_that_a_dense_convolution_wants_next():
    x = torch.randn(2, 6, 24, 24)
    many, few = both_ways(block(2), x)[1], both_ways(block(2), x[:1, :, :2, :2])[1]
    assert many.is_contiguous(memory_format=torch.channels_last) and few.is_contiguous()


def test_in_parts(monkeypatch):
    model, x = block(2), torch.randn(2, 6, 8, 8)
    whole = both_ways(model, x)[1]
    monkeypatch.setattr(sparse_branch, "_BUFFER", 6 * 9 * 5)
    monkeypatch.setattr(sparse_branch, "_REUSE", 0)
    torch.testing.assert_close(both_ways(model, x)[1], whole)


@pytest.mark.parametrize(("ndim", "size"), [(1, (61,)), (2, (21, 30))])
def test_a_network_is_the_dense_one_and_by_example(ndim, size):
    torch.manual_seed(0)
    model = randomise(models.build("hard_attention", ndim=ndim, in_channels=2, num_classes=5, width=0.25))
    x = torch.randn(3, 2, *size)
    dense, sparse = both_ways(model, x)
    torch.testing.assert_close(sparse, dense, rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        assert torch.equal(model(x), sparse)
        torch.testing.assert_close(torch.cat([model(one[None]) for one in x]), sparse, rtol=1e-3, atol=1e-3)
        one_fraction = models.measures(model)["executed_fraction"]
    assert one_fraction.shape == (1,) and 0 < float(one_fraction) < 1


def test_segmentation_with_dilated_stages():
    torch.manual_seed(0)
    model = randomise(models.build_segmentation("hard_attention", width=0.125, output_stride=8)).double()
    dense, sparse = both_ways(model, torch.randn(1, 3, 33, 48, dtype=torch.float64))
    torch.testing.assert_close(sparse, dense, rtol=1e-10, atol=1e-10)


def test_half_precision():
    model, x = block(2), torch.randn(2, 6, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        dense, sparse = both_ways(model, x)
    assert sparse.dtype == dense.dtype
    torch.testing.assert_close(sparse, dense, rtol=0.05, atol=0.1)


def test_what_cannot_be_sparse_is_dense(counted):
    torch.manual_seed(0)
    options = {"ndim": 1, "in_channels": 1, "num_classes": 2, "width": 0.125, "execution": "sparse"}
    model, x = models.build("hard_attention", **options), torch.randn(2, 1, 33)
    with torch.no_grad():
        model.train()(x)
    model.eval()(x).sum().backward()  # gradients are wanted
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    with torch.no_grad():
        torch.compile(model, backend="eager", fullgraph=True)(x)
        torch.func.vmap(lambda one: model(one[None]))(x)
        torch.export.export(model, (x,))
    assert not counted
    with torch.no_grad():
        model(x)
    assert len(counted) == 8


def test_auto_is_sparse_where_little_is_active_and_it_was_measured(counted):
    torch.manual_seed(0)
    model = randomise(Block(branch(18, 64, 64, 1, 1), hard_attention.build(2), 2))
    x = torch.randn(1, 64, 64, 64)
    with torch.no_grad():
        for bias, sparse in ((100.0, 0), (-100.0, 1)):
            nn.init.constant_(model.mask.squeeze.bias, bias)
            model(x)
            assert len(counted) == sparse
        counted.clear()
        model.double()(x[:, :, :32].double())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            model.float()(x)
        assert not counted


def test_the_cost_rule():
    dense, numbers, weights = 1e9, 5e5, 1e5
    fractions = [pays(share * dense, dense, numbers, weights) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert fractions == sorted(fractions, reverse=True) and fractions[0] and not fractions[-1]
    assert not pays(0, dense, 100 * numbers, weights) and not pays(0, dense, numbers, 100 * weights)
    assert not pays(0, 1e7, 1, 1)  # too little work for its many small operations


@pytest.mark.parametrize("own", [{"bias": True}, {"padding_mode": "reflect"}, {"groups": 2}])
def test_convolutions_that_are_more_than_their_shape_run_densely(own, counted):
    def conv(*shape):
        return nn.Conv2d(*shape, **({"bias": False} | own))

    torch.manual_seed(0)
    blocks = dataclasses.replace(hard_attention.build(2), conv=conv)
    dense, sparse = both_ways(randomise(Block(branch(18, 6, 6, 1, 1), blocks, 2)), torch.randn(2, 6, 9, 9))
    assert torch.equal(dense, sparse) and not counted


def test_unknown_execution():
    with pytest.raises(DynconvError, match=r"execution is 'fast'; valid: auto, dense, sparse"):
        models.build("hard_attention", width=0.125, execution="fast")
