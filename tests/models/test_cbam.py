"""CBAM against its equations, written out example by example in float64."""

import pytest
import torch

from dynconv import models
from dynconv.errors import DynconvError
from dynconv.models.layers import CBAM


def textbook(unit, x):
    """Woo et al. 2018, eq. 1-3, one example, one channel and one position at a time."""

    def sigmoid(z):
        return 1 / (1 + torch.exp(-z))

    def mlp(v):
        return unit.excite.weight @ (unit.squeeze.weight @ v).clamp(min=0)

    kernel = unit.spatial.conv.weight[0]
    reach = kernel.shape[1] // 2
    outputs = []
    for example in x:
        mean = torch.stack([channel.sum() / channel.numel() for channel in example])
        highest = torch.stack([channel.max() for channel in example])
        gate = sigmoid(mlp(mean) + mlp(highest))
        example = torch.stack([g * channel for g, channel in zip(gate, example, strict=True)])
        maps = torch.stack([example.sum(0) / len(example), example.max(0).values])
        scaled = []
        for position in torch.cartesian_prod(*[torch.arange(n) for n in maps.shape[1:]]).view(-1, maps.dim() - 1):
            logit = torch.zeros((), dtype=x.dtype)
            for tap in torch.cartesian_prod(*[torch.arange(k) for k in kernel.shape[1:]]).view(-1, maps.dim() - 1):
                at = position + tap - reach
                if all(0 <= a < n for a, n in zip(at, maps.shape[1:], strict=True)):
                    logit = logit + (kernel[:, *tap] * maps[:, *at]).sum()
            scaled.append(sigmoid(logit) * example[:, *position])
        outputs.append(torch.stack(scaled, 1).view(example.shape))
    return torch.stack(outputs)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("ndim", [1, 2])
def test_equals_the_equations(ndim, batch):
    torch.manual_seed(0)
    unit = CBAM(ndim, 8, reduction=2, kernel_size=3).double()
    x = torch.randn(batch, 8, *[5, 4][:ndim], dtype=torch.float64, requires_grad=True)
    wanted, got = textbook(unit, x), unit(x)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)
    inputs, weights = [x, *unit.parameters()], torch.randn_like(got)
    ours = torch.autograd.grad((got * weights).sum(), inputs)
    theirs = torch.autograd.grad((wanted * weights).sum(), inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_the_hidden_layer_has_at_least_4_units():
    assert CBAM(2, 32).squeeze.out_features == 4
    assert CBAM(2, 512).squeeze.out_features == 32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction": 0}, "variant se_cbam: reduction is 0; valid: an integer of at least 1"),
        ({"kernel_size": 4}, "variant se_cbam: kernel_size is 4; valid: an odd integer"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(DynconvError, match=message):
        models.build("se_cbam", width=0.125, **options)
