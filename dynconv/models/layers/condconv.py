"""Conditionally parameterised convolution (Yang et al. 2019, arXiv 1904.04971)."""

import torch
from torch import nn

from dynconv.models.layers.dynamic import Attentions, DynamicConv


class Routing(nn.Module):
    """The routing function r(x) = sigmoid(mean_S(x) R), one weight an expert: [B, C, *S] -> Attentions [B, n].

    R is a matrix [C, n] without bias, as in section 3 of the paper.
    """

    def __init__(self, channels: int, kernel_num: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, kernel_num, bias=False)

    def forward(self, x: torch.Tensor) -> Attentions:
        """The weights of the experts for each example of `x`."""
        return Attentions(kernel=torch.sigmoid(self.fc(x.flatten(2).mean(2))))


class _CondConv(DynamicConv):
    """CondConv over `ndim` axes: [B, in, *S] -> [B, out, *S'], without bias.

    y = (r_1(x) W_1 + ... + r_n(x) W_n) * x (eq. 1 of the paper; the nonlinearity is the network's), with `Routing`.
    The weights of the experts lie between 0 and 1 and need not sum to 1: a single expert is gated, too.

    Multiply-adds by the rule of `DynamicConv.macs`: with the authors' placement it gives what they publish for
    EfficientNet-B0 (11 M more with 4 experts, 22 M with 8), and the 1.894 G published for ResNet-18.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as in `torch.nn.Conv2d`, one integer
            for all axes.
        kernel_num: experts n.
        form: how it is computed, see `dynamic_conv`; the numbers are the same.

    Raises:
        DynconvError: an argument out of range, or channels that groups does not divide.
    """

    name = "condconv"
    attention: Routing

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        *,
        kernel_num: int = 8,
        form: str = "auto",
    ) -> None:
        geometry = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*geometry, kernel_num=kernel_num, form=form)
        self.attention = Routing(in_channels, kernel_num)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Each expert like a static convolution here (Kaiming fan-out); the routing as the authors' (Glorot uniform).

        Fan-out would give the routing a variance of 2 / n, whatever its inputs: its sigmoids would begin saturated.
        """
        super().reset_parameters()
        nn.init.xavier_uniform_(self.attention.fc.weight)


class CondConv1d(_CondConv):
    """CondConv of series: [B, in, L] -> [B, out, L'].  Arguments as in `torch.nn.Conv1d`, and one more."""

    ndim = 1


class CondConv2d(_CondConv):
    """CondConv of images: [B, in, H, W] -> [B, out, H', W'].  Arguments as in `CondConv1d`."""

    ndim = 2
