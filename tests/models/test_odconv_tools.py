"""ODConv, in each form, under torch's tools: compile, copies, saved files."""

import copy
import io
import pickle
import shutil

import pytest
import torch
import torch._dynamo.testing
from odconv_cases import FORMS, assert_equal, example, make, of_layer, of_textbook

EACH_FORM = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def fresh_compiler():
    """Graphs of other tests count towards the limit of recompilations of the same code."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("fresh_compiler")
@EACH_FORM
def test_compiled(form):
    """One graph without a break, forward and backward; the graphs are traced for real and then run as they are."""
    layer, x = make(4, 6, 3, 2, 1, 1, 2, form=form), example(3, 4, 5, 7)
    wanted = of_textbook(layer, x)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=False)
    assert_equal(of_layer(layer, x, compiled), wanted)


@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_once_for_every_batch_size():
    layer = make(4, 6, 3, 2, 1, ndim=1)
    graphs = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, backend=graphs, fullgraph=True, dynamic=True)
    counts = []
    for batch in (3, 4, 7):
        x = example(batch, 4, 7)
        assert_equal(of_layer(layer, x, compiled), of_textbook(layer, x))
        counts.append(graphs.frame_count)
    assert counts[0] > 0 and set(counts) == {counts[0]}


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_to_machine_code():
    layer, x = make(4, 6, 3, 2, 1, ndim=1), example(3, 4, 7)
    wanted = of_textbook(layer, x)
    assert_equal(of_layer(layer, x, torch.compile(layer, fullgraph=True, dynamic=False)), wanted)


def through_pickle(layer):
    return pickle.loads(pickle.dumps(layer))


def through_a_file(layer):
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        for tensor in twin.state_dict().values():
            tensor.zero_()
    twin.load_state_dict(torch.load(stored, weights_only=True), strict=True)
    return twin


@pytest.mark.parametrize("way", [copy.deepcopy, through_pickle, through_a_file])
@EACH_FORM
def test_copies_compute_the_same_and_share_nothing(form, way):
    layer, x = make(4, 6, 3, 2, 1, form=form), example(3, 4, 5, 7)
    wanted = of_textbook(layer, x)
    of_layer(layer, x)
    twin = way(layer)
    assert twin.form == form
    assert_equal(of_layer(twin, x), wanted)
    with torch.no_grad():
        for tensor in [*twin.parameters(), *twin.buffers()]:
            tensor.zero_()
    assert_equal(of_layer(layer, x), wanted)


def test_a_copy_in_another_type_leaves_the_layer():
    layer, x = make(4, 6, 3, 2, 1), example(3, 4, 5, 7)
    wanted = of_textbook(layer, x)
    copy.deepcopy(layer).float()
    assert_equal(of_layer(layer, x), wanted)
