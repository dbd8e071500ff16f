"""ODConv, in each form, at the ends of sizes: no example, too few positions, a batch that an export has not seen."""

import io

import pytest
import torch
from odconv_cases import FORMS, assert_equal, example, make, of_textbook

from dynconv.errors import DynconvError

EACH_FORM = pytest.mark.parametrize("form", FORMS)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
@EACH_FORM
def test_an_empty_batch(form, ndim, training):
    # As `torch.nn.Conv2d`: no outputs, gradients of zero; the running statistics stay.
    layer = make(4, 6, 3, 2, 1, form=form, ndim=ndim, training=training)
    before = {name: buffer.clone() for name, buffer in layer.named_buffers() if "running" in name}
    x = example(0, 4, *[5, 7][:ndim])
    y = layer(x)
    assert y.shape == (0, 6, *[3, 4][:ndim])
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in layer.parameters())
    assert all(torch.equal(dict(layer.named_buffers())[name], buffer) for name, buffer in before.items())


@pytest.mark.parametrize("arguments", [(4, 6, 3), (4, 6, 3, 1, 0, 3), (4, 6, 3, 2), (4, 40, 7, 1, 2)], ids=str)
@EACH_FORM
def test_an_input_that_the_kernel_does_not_fit_into(form, arguments):
    """As `torch.nn.Conv2d`: an error, not an output without positions."""
    with pytest.raises((DynconvError, RuntimeError), match=r"(?i)kernel"):
        make(*arguments, form=form)(example(3, 4, 2, 9))


@pytest.mark.parametrize(("ndim", "arguments"), [(2, (4, 6, 3, 2, 2, 2, 2)), (1, (4, 6, 1))], ids=str)
@EACH_FORM
def test_exported_for_every_batch_size(form, ndim, arguments):
    layer = make(*arguments, form=form, ndim=ndim, training=False)
    extent = [5, 7][:ndim]
    sizes = {"x": {0: torch.export.Dim("batch", max=1024)}}
    program = torch.export.export(layer, (example(3, 4, *extent, requires_grad=False),), dynamic_shapes=sizes)
    stored = io.BytesIO()
    torch.export.save(program, stored)
    stored.seek(0)
    loaded = torch.export.load(stored).module()
    for batch in (1, 2, 3, 8):
        x = example(batch, 4, *extent, requires_grad=False)
        assert_equal({"y": loaded(x)}, {"y": of_textbook(layer, x)["y"]})
