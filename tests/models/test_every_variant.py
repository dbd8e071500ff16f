"""What holds for every variant, found by the name of its file."""

import copy

import pytest
import torch

from dynconv import models, plugins

VARIANTS = plugins.names("dynconv.models.variants")
EXTENT = {1: 37, 2: 17}


def network(variant, ndim, depth=18, **options):
    torch.manual_seed(0)
    return models.build(variant, ndim=ndim, in_channels=2, num_classes=5, depth=depth, width=0.125, **options)


def inputs(ndim, batch=3):
    torch.manual_seed(1)
    return torch.randn(batch, 2, *[EXTENT[ndim]] * ndim)


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_shapes_and_gradients(variant, ndim, depth):
    model = network(variant, ndim, depth).train()
    models.anneal(model, temperature=10.0, fraction=0.1)
    logits = model(inputs(ndim))
    assert logits.shape == (3, 5)
    auxiliary = models.auxiliary_loss(model)
    assert auxiliary.shape == () and torch.isfinite(auxiliary) and auxiliary >= 0
    (torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])) + auxiliary).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, f"{name}: no gradient reaches it"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_of_one(variant, ndim, stem, training):
    # With the ImageNet stem the last stage has a single position: one value a channel.
    model = network(variant, ndim, stem=stem).train(training)
    x = inputs(ndim, batch=1)
    logits = model(x)
    (logits.square().sum() + models.auxiliary_loss(model)).backward()
    assert torch.isfinite(logits).all()
    grads = [p.grad for p in model.parameters() if training or p.grad is not None]  # a control evaluates without some
    assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_is_deterministic_and_by_example(variant):
    model = network(variant, 2).eval()
    x = inputs(2)
    with torch.no_grad():
        logits = model(x)
        assert torch.equal(logits, model(x))
        torch.testing.assert_close(torch.cat([model(one[None]) for one in x]), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_state_round_trip(variant, ndim):
    model = network(variant, ndim).train()
    model(inputs(ndim))
    torch.manual_seed(9)
    other = models.build(variant, ndim=ndim, in_channels=2, num_classes=5, width=0.125)
    other.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(model.eval()(inputs(ndim)), other.eval()(inputs(ndim)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_deepcopy_after_a_forward_pass(variant):
    model = network(variant, 2).train()
    model(inputs(2))
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        assert torch.equal(twin(inputs(2)), model.eval()(inputs(2)))
        next(twin.parameters()).zero_()
    assert next(model.parameters()).abs().max() > 0


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_channels_last_and_float64_keep_the_function(variant, ndim):
    model = network(variant, ndim).eval()
    with torch.no_grad():
        wanted = model(inputs(ndim))
        model.to(memory_format=torch.channels_last)
        torch.testing.assert_close(model(inputs(ndim)), wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.double()(inputs(ndim).double()).float(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_trains_in_mixed_precision(variant, ndim):
    model = network(variant, ndim).train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(inputs(ndim))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])) + models.auxiliary_loss(model)
    loss.backward()  # outside, as torch recommends
    assert logits.dtype == torch.bfloat16
    assert all(p.grad.dtype == p.dtype and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_annealing_recompiles_nothing(variant):
    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph

    torch.compiler.reset()  # the block's code is the same for all variants, and is compiled for so many only
    model = network(variant, 1)
    compiled = torch.compile(model, backend=count, fullgraph=True)
    for fraction in (0.0, 0.2, 0.9):
        models.anneal(compiled, temperature=30 - 29 * fraction, fraction=fraction)
        logits = compiled(inputs(1))
        (logits.square().mean() + models.auxiliary_loss(compiled)).backward()
    assert len(graphs) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_seed_decides_the_weights(variant):
    one, two = network(variant, 2).state_dict(), network(variant, 2).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("variant", VARIANTS)
def test_measures_are_per_example(variant):
    model = network(variant, 2).train()
    model(inputs(2))
    for name, value in models.measures(model).items():
        assert value.shape == (3,) and not value.requires_grad and torch.isfinite(value).all(), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_annealing_replaces_no_tensor(variant):
    model = network(variant, 2)
    before = {name: id(buffer) for name, buffer in model.named_buffers()}
    saved = set(model.state_dict())
    models.anneal(model, temperature=7.0, fraction=0.5)
    assert before == {name: id(buffer) for name, buffer in model.named_buffers()}
    assert saved == set(model.state_dict())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_wrapped_model_is_looked_through(variant):
    model = network(variant, 2)
    wrapped = torch.nn.Module()
    wrapped.module = model  # as DistributedDataParallel holds it
    model(inputs(2))
    assert torch.equal(models.auxiliary_loss(wrapped), models.auxiliary_loss(model))
    assert models.measures(wrapped).keys() == models.measures(model).keys()


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("variant", VARIANTS)
def test_segmentation(variant, output_stride, depth):
    torch.manual_seed(0)
    model = models.build_segmentation(
        variant, in_channels=3, num_classes=4, depth=depth, width=0.125, output_stride=output_stride
    )
    x = torch.randn(2, 3, 45, 64)
    logits = model(x)
    assert logits.shape == (2, 4, 45, 64)
    assert model.backbone(x).shape[2:] == (-(-45 // output_stride), 64 // output_stride)
    (logits.square().mean() + models.auxiliary_loss(model)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("head", ["fcn", "deeplabv3"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_segmentation_of_one_image(variant, head):
    model = models.build_segmentation(variant, num_classes=4, width=0.125, stem="small", output_stride=8, head=head)
    model.train()
    assert model(torch.randn(1, 3, 19, 24)).shape == (1, 4, 19, 24)
    assert model.backbone(torch.randn(1, 3, 19, 24)).shape[2:] == (3, 3)
