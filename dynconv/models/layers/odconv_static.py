"""ODConv without its dynamics: the attention is the mean over examples, so that all of them meet the same kernel."""

import torch
import torch.nn.functional as F

from dynconv.models.layers.across import batch_mean
from dynconv.models.layers.dynamic import Attentions
from dynconv.models.layers.modes import switched_off
from dynconv.models.layers.odconv import _ODConv

MOMENTUM = 0.1  # of the running means, as in batch normalisation
CONVOLVE = {1: F.conv1d, 2: F.conv2d}


class _ODConvStatic(_ODConv):
    """ODConv whose attentions are means over examples, by analogy with batch normalisation.

    Training:   a = mean over the batch of pi(x), with its gradient;  running <- (1 - m) running + m a,  m = 0.1.
    Evaluation: a = running.
    Always:     y = conv(x, K),  K = a_f a_c a_s sum_n a_w,n W_n,  one kernel for all examples.

    The mean is over the whole batch, the parts that other processes hold included.  Parameters, their shapes and
    their initialisation are ODConv's, and in training so is the attention's work; what is missing is only that the
    kernel depends on the example.  Running means begin where a logit of 0 would put them, and are saved.

    Arguments as in `ODConv2d`, without `form`: one kernel is one ordinary convolution.
    """

    name = "odconv_static"

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
        geometry = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*geometry, reduction=reduction, kernel_num=kernel_num)
        heads, undecided = self.attention, 1 / kernel_num
        self._register("channel", in_channels, 0.5)
        self._register("filter", out_channels if heads.filter_fc is not None else 0, 0.5)
        self._register("spatial", kernel_size**self.ndim if heads.spatial_fc is not None else 0, 0.5)
        self._register("kernel", kernel_num if heads.kernel_fc is not None else 0, undecided)

    def _register(self, name: str, size: int, value: float) -> None:
        self.register_buffer(f"running_{name}", torch.full((size,), value) if size else None)

    def means(self, x: torch.Tensor) -> Attentions:
        """The attentions that every example of `x` [B, in, *S] meets, each of shape [size].

        Collective in training: all processes must call it.
        """
        running = [getattr(self, f"running_{name}") for name in Attentions._fields]
        if not self.training:
            return Attentions(*running)
        own = self.attention(x, self.temperature)
        present = [part for part in own if part is not None]
        # At once, for a message between processes takes longer than what it says; and wide, for it counts examples.
        mean = batch_mean(torch.cat(present, dim=1).to(self.weight.dtype))
        parts = iter(mean.split([part.shape[1] for part in present]))
        means = Attentions(*(None if part is None else next(parts) for part in own))
        with torch.no_grad():
            for buffer, value in zip(running, means, strict=True):
                if buffer is not None:
                    buffer.lerp_(value, MOMENTUM)
        return means

    def attend(self, x: torch.Tensor) -> Attentions:
        """The same attentions for each of the examples in `x` [B, in, *S]."""
        return Attentions(*(None if part is None else part.expand(len(x), -1) for part in self.means(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve the examples of `x` [B, in, *S] with the one kernel."""
        means = self.means(x)
        with switched_off(x.device.type):  # kernels are made in the weights' type, as ODConv's are
            kernel = self.kernel(means)
        return CONVOLVE[self.ndim](x, kernel, None, self.stride, self.padding, self.dilation, self.groups)

    def kernel(self, a: Attentions) -> torch.Tensor:
        """The mixed and scaled kernel [out, in / groups, *kernel]."""
        out, fan, *taps = self.weight.shape[1:]
        ones = [1] * len(taps)
        kernel = self.weight[0] if a.kernel is None else (a.kernel @ self.weight.flatten(1)).view(out, fan, *taps)
        if a.channel is not None:  # a filter sees the channels of its group
            kernel = kernel * a.channel.view(self.groups, fan).repeat_interleave(out // self.groups, 0).view(
                out, fan, *ones
            )
        if a.spatial is not None:
            kernel = kernel * a.spatial.view(taps)
        return kernel if a.filter is None else kernel * a.filter.view(-1, 1, *ones)

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds of the convolution, for one example: in evaluation the kernel is made once, whatever comes."""
        return self.weight[0].numel() * y[0, 0].numel()


class ODConvStatic1d(_ODConvStatic):
    """The control of `ODConv1d`: [B, in, L] -> [B, out, L']."""

    ndim = 1


class ODConvStatic2d(_ODConvStatic):
    """The control of `ODConv2d`: [B, in, H, W] -> [B, out, H', W']."""

    ndim = 2
