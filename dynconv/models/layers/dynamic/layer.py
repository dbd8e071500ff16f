"""The layer that every dynamic convolution is: candidate kernels, an attention module, and `dynamic_conv`."""

from collections.abc import Callable

import torch
from torch import nn

from dynconv.errors import DynconvError
from dynconv.models.checks import whole
from dynconv.models.layers.dynamic.attentions import Attentions
from dynconv.models.layers.dynamic.conv import check_form, dynamic_conv


class DynamicConv(nn.Module):
    """A convolution whose kernel depends on the example: [B, in, *S] -> [B, out, *S'], without bias.

    A subclass sets `ndim` and `name` and gives `self.attention`, a module from `x` to `Attentions`; its `attend` may be
    overridden where the module needs more than `x`.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as in `torch.nn.Conv2d`, one integer
            for all axes.
        kernel_num: candidate kernels n.
        form: how it is computed, one of `FORMS`; "auto" takes the fastest for the shape and the device.

    Raises:
        DynconvError: an argument out of range, or channels that groups does not divide.
    """

    ndim: int
    name: str
    attention: nn.Module

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
        kernel_num: int,
        form: str = "auto",
    ) -> None:
        super().__init__()
        counts = {"in_channels": in_channels, "out_channels": out_channels, "kernel_size": kernel_size}
        counts |= {"stride": stride, "dilation": dilation, "groups": groups, "kernel_num": kernel_num}
        for name, value in counts.items():
            whole(self.name, name, value)
        whole(self.name, "padding", padding, least=0)
        if in_channels % groups or out_channels % groups:
            raise DynconvError(
                f"{self.name}: groups is {groups}; valid: a divisor of {in_channels} and {out_channels} channels"
            )
        check_form(self.name, form)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.kernel_num, self.form = kernel_num, form
        self.weight = nn.Parameter(torch.empty(kernel_num, out_channels, in_channels // groups, *self._kernel()))

    def reset_parameters(self) -> None:
        """Kaiming fan-out normal for every kernel and every layer of the attention; biases 0."""
        for kernel in self.weight:
            nn.init.kaiming_normal_(kernel, mode="fan_out", nonlinearity="relu")
        for layer in self._attention_layers():
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def attend(self, x: torch.Tensor) -> Attentions:
        """The attentions of the examples in `x` [B, in, *S]."""
        return self.attention(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve each example of `x` [B, in, *S] with its own kernel."""
        return dynamic_conv(
            x,
            self.weight,
            self.attend(x),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            form=self.form,
        )

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds that the method needs for one example of the batches `x` and `y`.

        The convolution and, where an attention decides, the global mean, its layers, and n multiply-adds a weight for
        the mixture.
        """
        weights, layers = self.weight[0].numel(), self._attention_weights()
        convolution = weights * y[0, 0].numel()
        return convolution + (x[0].numel() + layers + self.kernel_num * weights if layers else 0)

    def extra_repr(self) -> str:
        """The arguments, for `print(model)`."""
        names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "kernel_num")
        return ", ".join(f"{name}={getattr(self, name)}" for name in (*names, "form"))

    def _attention_layers(self) -> list[nn.Conv1d | nn.Conv2d | nn.Linear]:
        return [m for m in self.attention.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear)]

    def _attention_weights(self) -> int:
        return sum(layer.weight.numel() for layer in self._attention_layers())

    def _kernel(self) -> list[int]:
        return [self.kernel_size] * self.ndim

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "DynamicConv":
        # `model.to(memory_format=torch.channels_last)` reorders whatever has four axes and refuses five.  The kernels
        # [n, out, in/g, ...] are no images: they are moved and cast as matrices and keep their layout.
        def as_matrix(tensor: torch.Tensor) -> torch.Tensor:
            kernels = tensor.dim() == self.weight.dim()
            return fn(tensor.flatten(1)).view(tensor.shape) if kernels else fn(tensor)

        return super()._apply(as_matrix, recurse)


class AnnealedConv(DynamicConv):
    """A `DynamicConv` whose attention also takes a temperature, by which it divides its logits.

    The temperature is 1 when built, not saved, set by `anneal`.
    """

    temperature: torch.Tensor

    def __init__(self, *geometry: int, kernel_num: int, form: str = "auto") -> None:
        super().__init__(*geometry, kernel_num=kernel_num, form=form)
        self.register_buffer("temperature", torch.ones(()), persistent=False)

    def anneal(self, *, temperature: float, fraction: float) -> None:
        """Set the temperature, in place."""
        self.temperature.fill_(temperature)

    def attend(self, x: torch.Tensor) -> Attentions:
        """See `DynamicConv.attend`."""
        return self.attention(x, self.temperature)
