"""Batch normalisation over the whole batch: of one value a channel, and of a batch that several processes share."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from dynconv.models.layers.across import processes


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) that differs from torch's in two points.

    One example and one position have no variance: normalising by it would give zero whatever the input (torch raises
    an error).  Such a batch is normalised by the running statistics and leaves them as they are.

    With `synchronised`, the statistics are those of the batch over all processes of the default group.  Unlike
    `torch.nn.SyncBatchNorm`, which needs GPUs, it also runs on a CPU.
    """

    synchronised = False

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # torch's own name of the argument
        if not self.training:
            return super().forward(input)
        if self.synchronised and processes() > 1:
            return self._over_processes(input)
        if input.numel() == input.shape[1]:
            # Copies: a later batch moves the running statistics, and autograd would not notice.
            assert self.running_mean is not None and self.running_var is not None
            mean, variance = self.running_mean.clone(), self.running_var.clone()
            return F.batch_norm(input, mean, variance, self.weight, self.bias, eps=self.eps)
        return super().forward(input)

    def _over_processes(self, x: torch.Tensor) -> torch.Tensor:
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        y, mean, variance, count = _Synchronised.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return y


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` that accepts one value a channel and many processes; [B, C, L] or [B, C]."""


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` that accepts one value a channel and many processes; [B, C, H, W]."""


def synchronise(model: nn.Module, on: bool = True) -> None:
    """Let every batch normalisation of `model` use the statistics of all processes (or, if not `on`, its own)."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.synchronised = on


def keep_uncompiled(model: nn.Module) -> None:
    """Keep what synchronised normalisation says to other processes out of torch.compile's graphs."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.synchronised:
            module._over_processes = torch.compiler.disable(module._over_processes)  # type: ignore[method-assign]


class _Synchronised(torch.autograd.Function):
    """Normalise by the statistics of all processes: one gather forward, one sum backward.

    Forward: counts, means and sums of squared deviations of the parts are joined by the formula of Chan, Golub and
    LeVeque (1983, The American Statistician 37), which loses no digits where the mean is large.  Backward, with
    x^ = (x - mean) / s, s = sqrt(variance + eps) and N values a channel:
    dx = weight / s * (dy - sum(dy) / N - x^ * sum(dy x^) / N), the sums over all processes.  The gradients of weight
    and bias are this process' share: they are summed with those of all other parameters.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> Any:
        channels, axes = x.shape[1], [0, *range(2, x.dim())]
        own_count = x.numel() // channels
        wide = x if x.dtype == torch.float64 else x.float()
        own_variance, own_mean = torch.var_mean(wide, axes, correction=0)
        own = torch.cat([own_mean, own_variance * own_count, own_mean.new_full((1,), own_count)])
        parts = own.new_empty(dist.get_world_size(), len(own))
        dist.all_gather(list(parts.unbind()), own)
        means, deviations = parts[:, :channels], parts[:, channels:-1]
        counts = parts[:, -1:]
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        variance = (deviations + counts * (means - mean) ** 2).sum(0) / count
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance, count)
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps), mean, variance, count

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor, *unused: torch.Tensor) -> Any:
        x, weight, mean, variance, count = ctx.saved_tensors
        _, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
            dy, x, weight, mean, variance, None, None, False, ctx.eps, [False, True, True]
        )
        sums = torch.cat([dbias, dweight])
        dist.all_reduce(sums)
        sum_dy, sum_dy_x = sums.chunk(2)
        scale = torch.rsqrt(variance + ctx.eps)
        shape = [1, -1] + [1] * (x.dim() - 2)
        gain, slope, mean_dy, mean = (
            value.view(shape) for value in (weight * scale, scale * sum_dy_x / count, sum_dy / count, mean)
        )
        # Rounded once, at the end: in bf16 the parts would not cancel where the mean is large.
        wide = torch.promote_types(x.dtype, torch.float32)
        dx = gain * (dy.to(wide) - mean_dy - slope * (x.to(wide) - mean))
        return dx.to(x.dtype), dweight, dbias, None
