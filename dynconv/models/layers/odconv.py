"""Omni-dimensional dynamic convolution (Li et al. 2022, arXiv 2209.07947)."""

import torch

from dynconv.models.checks import positive
from dynconv.models.layers.dynamic import AnnealedConv
from dynconv.models.layers.odconv_attention import Attention


class _ODConv(AnnealedConv):
    """ODConv over `ndim` axes: [B, in, *S] -> [B, out, *S'], without bias.

    y = a_f * sum_n a_w,n sum_s a_s W_n[s] (a_c * x shifted by s).  Parameters carry the names and shapes of the
    published layer, so that its checkpoints load strictly.  `temperature` divides every attention logit; it is 1 when
    built, not saved, set by `anneal`.  A training batch of one example uses the attention's running statistics.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as in `torch.nn.Conv2d`, one integer
            for all axes.
        reduction: hidden channels of the attention, as a fraction of in_channels (at least 16 channels).
        kernel_num: candidate kernels n that are mixed for each example.
        form: how it is computed, see `dynamic_conv`; the numbers are the same.

    Raises:
        DynconvError: an argument out of range, or channels that groups does not divide.
    """

    name = "odconv"

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
        reduction: float = 1 / 16,
        kernel_num: int = 4,
        form: str = "auto",
    ) -> None:
        geometry = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*geometry, kernel_num=kernel_num, form=form)
        positive(self.name, "reduction", reduction, most=1)
        self.attention = Attention(self.ndim, in_channels, out_channels, kernel_size, groups, reduction, kernel_num)
        self.reset_parameters()

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds that the method needs for one example, by a rule fitted to the published figures.

        The convolution, the global mean, the attention's layers, and the making of the kernel: n multiplications and
        n - 1 additions a weight for the mixture, one multiplication for the spatial attention and one for the channel
        and filter attentions.  ResNet-18 at 224 px: 1.838 G for n = 1 and 1.915 G for n = 4 (published: 1.838, 1.916).
        The difference, 0.06 %, is not explained by any operation of the layer that we could find.
        """
        weights, n = self.weight[0].numel(), self.kernel_num
        layers = self._attention_weights()
        make = (2 * n - 1 if n > 1 else 0) + (self.attention.spatial_fc is not None) + 1
        return weights * y[0, 0].numel() + x[0].numel() + layers + make * weights


class ODConv1d(_ODConv):
    """ODConv of series: [B, in, L] -> [B, out, L'].  Arguments as in `torch.nn.Conv1d`, and two more."""

    ndim = 1


class ODConv2d(_ODConv):
    """ODConv of images: [B, in, H, W] -> [B, out, H', W'].  Arguments as in `ODConv1d`."""

    ndim = 2
