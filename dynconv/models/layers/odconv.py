"""Omni-dimensional dynamic convolution (Li et al. 2022, arXiv 2209.07947)."""

from collections.abc import Callable

import torch
from torch import nn

from dynconv.errors import DynconvError
from dynconv.models.checks import positive, whole
from dynconv.models.layers.odconv_attention import Attention
from dynconv.models.layers.odconv_forms import aggregate, form, shared, unfold


class _ODConv(nn.Module):
    """ODConv over `ndim` axes: [B, in, *S] -> [B, out, *S'], without bias.

    y = a_f * sum_n a_w,n sum_s a_s W_n[s] (a_c * x shifted by s).  Parameters carry the names and shapes of the
    published layer, so that its checkpoints load strictly.  `temperature` divides every attention logit; it is 1 when
    built, not saved, set by `anneal`.  A training batch of one example uses the attention's running statistics.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel on every axis.
        stride: step between output positions.
        padding: zeros added on each side.
        dilation: step between kernel positions.
        groups: channel groups that see one another.
        reduction: hidden channels of the attention, as a fraction of in_channels (at least 16 channels).
        kernel_num: candidate kernels n that are mixed for each example.

    Raises:
        DynconvError: an argument out of range, or channels that groups does not divide.
    """

    ndim: int
    temperature: torch.Tensor

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
    ) -> None:
        super().__init__()
        counts = {"in_channels": in_channels, "out_channels": out_channels, "kernel_size": kernel_size}
        counts |= {"stride": stride, "dilation": dilation, "groups": groups, "kernel_num": kernel_num}
        for name, value in counts.items():
            whole("odconv", name, value)
        whole("odconv", "padding", padding, least=0)
        positive("odconv", "reduction", reduction, most=1)
        if in_channels % groups or out_channels % groups:
            raise DynconvError(
                f"odconv: groups is {groups}; valid: a divisor of {in_channels} and {out_channels} channels"
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.kernel_num = kernel_num
        kernel = [kernel_size] * self.ndim
        self.weight = nn.Parameter(torch.empty(kernel_num, out_channels, in_channels // groups, *kernel))
        self.attention = Attention(self.ndim, in_channels, out_channels, kernel_size, groups, reduction, kernel_num)
        self.register_buffer("temperature", torch.ones(()), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming fan-out normal for every kernel and every layer of the attention; biases 0."""
        for kernel in self.weight:
            nn.init.kaiming_normal_(kernel, mode="fan_out", nonlinearity="relu")
        for head in self.attention.children():
            if isinstance(head, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(head.weight, mode="fan_out", nonlinearity="relu")
                if head.bias is not None:
                    nn.init.zeros_(head.bias)

    def anneal(self, *, temperature: float, fraction: float) -> None:
        """Set the temperature, in place."""
        self.temperature.fill_(temperature)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "_ODConv":
        # `model.to(memory_format=torch.channels_last)` reorders whatever has four axes and refuses five.  The kernels
        # [n, out, in/g, ...] are no images: they are moved and cast as matrices and keep their layout.
        def as_matrix(tensor: torch.Tensor) -> torch.Tensor:
            kernels = tensor.dim() == self.weight.dim()
            return fn(tensor.flatten(1)).view(tensor.shape) if kernels else fn(tensor)

        return super()._apply(as_matrix, recurse)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve each example of `x` [B, in, *S] with its own kernel."""
        attention = self.attention(x, self.temperature)
        ones = [1] * self.ndim
        scaled = x * attention.channel.view(*attention.channel.shape, *ones)
        size = [
            (extent + 2 * self.padding - self.dilation * (self.kernel_size - 1) - 1) // self.stride + 1
            for extent in x.shape[2:]
        ]
        # [B, in, kernel positions, output positions]
        columns = unfold(scaled, self.kernel_size, self.stride, self.padding, self.dilation, size)
        if form(self.kernel_num, self.out_channels // self.groups, columns.shape[3]) == "aggregate":
            y = aggregate(columns, self.weight, attention, self.groups)
        else:
            y = shared(columns, self.weight, attention, self.groups)
        y = y.view(len(x), self.out_channels, *size)
        return y if attention.filter is None else y * attention.filter.view(*attention.filter.shape, *ones)

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds that the method needs for one example, by a rule fitted to the published figures.

        The convolution, the global mean, the attention's layers, and the making of the kernel: n multiplications and
        n - 1 additions a weight for the mixture, one multiplication for the spatial attention and one for the channel
        and filter attentions.  ResNet-18 at 224 px: 1.838 G for n = 1 and 1.915 G for n = 4 (published: 1.838, 1.916).
        The difference, 0.06 %, is not explained by any operation of the layer that we could find.
        """
        weights, n = self.weight[0].numel(), self.kernel_num
        layers = sum(m.weight.numel() for m in self.attention.children() if isinstance(m, nn.Conv1d | nn.Conv2d))
        make = (2 * n - 1 if n > 1 else 0) + (self.attention.spatial_fc is not None) + 1
        return weights * y[0, 0].numel() + x[0].numel() + layers + make * weights

    def extra_repr(self) -> str:
        """The arguments, for `print(model)`."""
        names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "kernel_num")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class ODConv1d(_ODConv):
    """ODConv of series: [B, in, L] -> [B, out, L'].  Arguments as in `torch.nn.Conv1d`, and two more."""

    ndim = 1


class ODConv2d(_ODConv):
    """ODConv of images: [B, in, H, W] -> [B, out, H', W'].  Arguments as in `ODConv1d`."""

    ndim = 2
