"""Dynamic convolution: attention over convolution kernels (Chen et al. 2020, arXiv 1912.03458)."""

import torch
from torch import nn

from dynconv.models.checks import positive
from dynconv.models.layers.dynamic import AnnealedConv, Attentions

MIN_HIDDEN = 16


class KernelAttention(nn.Module):
    """The attention pi(x) over K kernels: [B, C, *S] -> Attentions [B, K], which sum to 1 for each example.

    pi(x) = softmax(z / T),  z = V2 relu(V1 mean_S(x)) + b: squeeze-and-excitation (Hu et al. 2018) with a softmax.  The
    hidden layer has C * reduction units, at least 16 as in a ResNet of full width: the means are those of ReLUs, all
    positive, so that a unit is as likely as not to be off for every example, and of 4 units often all are.  A single
    kernel leaves no choice and has no attention.
    """

    def __init__(self, channels: int, reduction: float, kernel_num: int) -> None:
        super().__init__()
        hidden = max(int(channels * reduction), MIN_HIDDEN)
        self.squeeze = None if kernel_num == 1 else nn.Linear(channels, hidden, bias=False)
        self.excite = None if kernel_num == 1 else nn.Linear(hidden, kernel_num)

    def forward(self, x: torch.Tensor, temperature: torch.Tensor) -> Attentions:
        """The attentions of the examples in `x`; every logit is divided by the temperature."""
        if self.squeeze is None or self.excite is None:
            return Attentions()
        logits = self.excite(torch.relu(self.squeeze(x.flatten(2).mean(2))))
        return Attentions(kernel=torch.softmax(logits / temperature, dim=1))


class _DyConv(AnnealedConv):
    """Dynamic convolution over `ndim` axes: [B, in, *S] -> [B, out, *S'], without bias.

    y = (sum_k pi_k(x) W_k) * x with 0 <= pi_k(x) <= 1 and sum_k pi_k(x) = 1 (eq. 1 of the paper), pi of
    `KernelAttention`.  The temperature T makes all kernels learn at first (section 4 of the paper: from 30 to 1); it is
    1 when built, not saved, set by `anneal`.

    Multiply-adds by the rule of `DynamicConv.macs`, which is the paper's: the global mean H W C, the attention's layers
    C^2 / 4 + C K / 4, and K multiply-adds a weight; a single kernel is a static convolution.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as in `torch.nn.Conv2d`, one integer
            for all axes.
        reduction: hidden units of the attention, as a fraction of in_channels (at least 16 units).
        kernel_num: kernels K that are mixed for each example.
        form: how it is computed, see `dynamic_conv`; the numbers are the same.

    Raises:
        DynconvError: an argument out of range, or channels that groups does not divide.
    """

    name = "dyconv"
    attention: KernelAttention

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
        reduction: float = 1 / 4,
        kernel_num: int = 4,
        form: str = "auto",
    ) -> None:
        geometry = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*geometry, kernel_num=kernel_num, form=form)
        positive(self.name, "reduction", reduction, most=1)
        self.attention = KernelAttention(in_channels, reduction, kernel_num)
        self.reset_parameters()


class DyConv1d(_DyConv):
    """Dynamic convolution of series: [B, in, L] -> [B, out, L'].  Arguments as in `torch.nn.Conv1d`, and two more."""

    ndim = 1


class DyConv2d(_DyConv):
    """Dynamic convolution of images: [B, in, H, W] -> [B, out, H', W'].  Arguments as in `DyConv1d`."""

    ndim = 2
