"""Dynamic convolution: one operation, several exact ways to compute it."""

import torch
from torch import Tensor

from dynconv.errors import DynconvError, valid
from dynconv.models.layers.dynamic import direct, mixed, plain, shared
from dynconv.models.layers.dynamic.attentions import Attentions
from dynconv.models.layers.dynamic.cost import FORMS, cheapest
from dynconv.models.layers.dynamic.geometry import geometry, memory_format
from dynconv.models.layers.modes import chosen_type, switched_off, transformed

NOMINAL_BATCH = 16  # for which a form is chosen where one program is to serve every size of batch


def dynamic_conv(
    x: Tensor,
    weight: Tensor,
    attentions: Attentions,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    form: str = "auto",
) -> Tensor:
    """Convolve each example with a kernel of its own: [B, in, *S] -> [B, out, *S'].

    y[b] = conv(x[b], K[b]),  K[b] = a_filter[b] a_channel[b] a_spatial[b] * sum_n a_kernel[b, n] W_n
    (Li et al. 2022, arXiv 2209.07947, eq. 2), each attention along its own axis of the kernel.

    Args:
        x: input [B, in, *S] with one or two axes S.
        weight: candidate kernels [n, out, in / groups, *kernel].
        attentions: see `Attentions`; `kernel` may be None only for n = 1.
        stride, padding, dilation, groups: as in `torch.nn.functional.conv2d`, the same on every axis.
        form: how it is computed, one of `FORMS`, all of which give the same numbers; "auto" takes the one that
            `cheapest` expects to be the fastest.

    Raises:
        DynconvError: an unknown form, or several kernels without an attention that mixes them.
    """
    check_form("dynamic convolution", form)
    n, out = weight.shape[:2]
    if attentions.kernel is None and n > 1:
        raise DynconvError(f"dynamic convolution: {n} kernels and no kernel attention; valid: a tensor [B, {n}]")
    device = x.device.type
    if x.shape[1] != weight.shape[2] * groups:
        raise DynconvError(
            f"dynamic convolution: the input has {x.shape[1]} channels; valid: {weight.shape[2] * groups}"
        )
    x = x.to(chosen_type(x))
    # Kernels are made in the weights' type; the products of convolving are in the input's.
    channel, filters, spatial, kernel = (a if a is None else a.to(weight.dtype) for a in attentions)
    at = geometry(x, weight.shape[3:], stride, padding, dilation, groups)
    image, taps = x.unsqueeze(2) if x.dim() == 3 else x, weight.flatten(3)
    scale = _scale(channel, spatial, image, taps)
    compiling = torch.compiler.is_compiling()
    open_ = transformed(x, weight, *attentions) or x.shape[0] == 0
    if form == "auto":
        batch = NOMINAL_BATCH if compiling else len(x)
        form = cheapest(batch, n, out, taps.shape[2], at, device)
    with switched_off(device):
        if form == "direct":
            y = (plain.direct if open_ else direct.convolve)(image, taps, scale, filters, kernel, at)
        else:
            if form == "mixed":
                mix = plain.mixed if open_ or groups > 1 else mixed.convolve
                y = mix(image, taps, scale, taps.new_ones(x.shape[0], 1) if kernel is None else kernel, at)
            else:
                y = (plain.shared if open_ or groups > 1 else shared.convolve)(image, taps, scale, at)
                if kernel is not None:
                    y = (y.unflatten(1, (n, out)) * kernel[:, :, None, None, None]).sum(1)
            y = y if filters is None else y * filters[:, :, None, None]
            y = y.to(x.dtype).contiguous(memory_format=memory_format(image))
    return y.squeeze(2) if x.dim() == 3 else y


def check_form(where: str, form: str) -> None:
    """Raise DynconvError unless `form` is "auto" or one of `FORMS`; `where` says whose it is."""
    if form not in ("auto", *FORMS):
        raise DynconvError(f"{where}: form is {form!r}; {valid(('auto', *FORMS))}")


def _scale(channel: Tensor | None, spatial: Tensor | None, x: Tensor, taps: Tensor) -> Tensor | None:
    """What multiplies the data that each kernel position reads: [B, in, positions of the kernel]."""
    if spatial is None:
        return None if channel is None else channel.unsqueeze(2).expand(-1, -1, taps.shape[3])
    if channel is None:
        return spatial.unsqueeze(1).expand(-1, x.shape[1], -1)
    return channel.unsqueeze(2) * spatial.unsqueeze(1)
