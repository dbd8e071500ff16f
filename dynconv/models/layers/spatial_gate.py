"""Spatial attention: one weight a position, from its neighbourhood."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.dimensions import CONV
from dynconv.models.layers.modes import switched_off, transformed

_CONV = {1: F.conv1d, 2: F.conv2d}
_FEW = 32  # positions; below, torch's maximum over a strided axis uses no vectors on a CPU: 6 times the time


class SpatialGate(nn.Module):
    """The spatial half of CBAM (Woo et al. 2018, arXiv 1807.06521, eq. 3): [B, C, *S] -> [B, C, *S].

    m = sigmoid(conv([mean_C(x); max_C(x)])), x * m, with a convolution from two maps to one and no bias.
    """

    def __init__(self, ndim: int, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = CONV[ndim](2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale the positions of `x`."""
        return self._gate(x)[0]

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The weights of the positions, [B, 1, *S]."""
        return self._gate(x)[1]

    def _gate(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # In the type of `x`: autocast, which the backward pass does not see, would choose another for the forward pass.
        with switched_off(x.device.type):
            weight = self.conv.weight.to(x.dtype)
            return (_gate if transformed(x, weight) else _Gate.apply)(x, weight)

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds of the convolution for one example of the batches `x` and `y`."""
        return self.conv.weight.numel() * y[0, 0].numel()


def _gate(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if x[0, 0].numel() < _FEW:
        high = x.flatten(2).transpose(1, 2).contiguous().amax(2).view_as(x[:, :1])
    else:
        high = x.amax(1, keepdim=True)
    maps = torch.cat([x.mean(1, keepdim=True), high], dim=1)
    m = torch.sigmoid(_CONV[x.dim() - 2](maps, weight, padding=weight.shape[2] // 2))
    return x * m, m, maps


class _Gate(torch.autograd.Function):
    """(x [B, C, *S], weight [1, 2, *kernel]) -> y [B, C, *S], and what made it: m [B, 1, *S], maps [B, 2, *S].

    Torch's own backward pass of these operations takes 1.4 to 2 times as long on a CPU: it compares with the maximum
    into booleans and sums them as integers, adds up three gradients of x, and has no fast kernel for the input gradient
    of a convolution with two input channels, which is the convolution with the flipped kernel.  The gradient is the
    same; channels that share a maximum share its part.

    m and maps are outputs so that gradients of gradients know where they come from.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return _gate(x, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, torch.Tensor], output: tuple[torch.Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor | None, dm: torch.Tensor | None, dmaps: torch.Tensor | None) -> Any:
        x, weight, m, maps = ctx.saved_tensors
        ndim, padding = x.dim() - 2, weight.shape[2] // 2
        dweight = None
        if dy is not None:
            dm = _sum(dm, (dy * x).sum(1, keepdim=True))
        if dm is not None:
            dlogits = torch.ops.aten.sigmoid_backward(dm, m)
            flipped = weight.flip([2] if ndim == 1 else [2, 3]).transpose(0, 1)
            dmaps = _sum(dmaps, _CONV[ndim](dlogits, flipped, padding=padding))
            one, zero = [1] * ndim, [0] * ndim
            dweight = torch.ops.aten.convolution_backward(
                dlogits, maps, weight, None, one, [padding] * ndim, one, False, zero, 1, [False, True, False]
            )[1]
        if dmaps is None:
            return None, None
        highest = x.detach().clone().eq_(maps[:, 1:].detach())  # 0.0 or 1.0, which are faster to sum than booleans
        shared = dmaps[:, 1:] / highest.sum(1, keepdim=True)
        dx = torch.addcmul(dmaps[:, :1] / x.shape[1], highest, shared)
        return dx if dy is None else torch.addcmul(dx, dy, m), dweight


def _sum(a: torch.Tensor | None, b: torch.Tensor) -> torch.Tensor:
    return b if a is None else a + b
