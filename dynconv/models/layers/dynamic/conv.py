"""Dynamic convolution: one operation, several exact ways to compute it."""

import torch

from dynconv.errors import DynconvError, valid
from dynconv.models.layers.dynamic import plain
from dynconv.models.layers.dynamic.attentions import Attentions

FORMS = ("aggregate", "shared")


def dynamic_conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    attentions: Attentions,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    form: str = "auto",
) -> torch.Tensor:
    """Convolve each example with a kernel of its own: [B, in, *S] -> [B, out, *S'].

    y[b] = conv(x[b], K[b]),  K[b] = a_filter[b] a_channel[b] a_spatial[b] * sum_n a_kernel[b, n] W_n
    (Li et al. 2022, arXiv 2209.07947, eq. 2), each attention along its own axis of the kernel.

    Args:
        x: input [B, in, *S] with one or two axes S.
        weight: candidate kernels [n, out, in / groups, *kernel].
        attentions: see `Attentions`; `kernel` may be None only for n = 1.
        stride, padding, dilation, groups: as in `torch.nn.functional.conv2d`, the same on every axis.
        form: one of `FORMS`, or "auto" for the fastest by shape; all give the same numbers.

    Raises:
        DynconvError: an unknown form.
    """
    if form not in ("auto", *FORMS):
        raise DynconvError(f"dynamic convolution: form is {form!r}; {valid(('auto', *FORMS))}")
    if attentions.channel is not None:
        x = x * attentions.channel.view(*attentions.channel.shape, *[1] * (x.dim() - 2))
    taps = weight.shape[3:]
    size = [(s + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for s, k in zip(x.shape[2:], taps, strict=True)]
    # [B, in, kernel positions, output positions]
    columns = plain.unfold(x, taps[0], stride, padding, dilation, size)
    if form == "auto":
        form = plain.form(len(weight), weight.shape[1] // groups, columns.shape[3])
    y = (plain.aggregate if form == "aggregate" else plain.shared)(columns, weight, attentions, groups)
    y = y.view(len(x), weight.shape[1], *size)
    return y if attentions.filter is None else y * attentions.filter.view(*y.shape[:2], *[1] * len(size))
