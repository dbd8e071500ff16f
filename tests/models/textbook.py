"""ODConv as its paper writes it (Li et al. 2022, arXiv 2209.07947, eq. 2 and 3), a function of named tensors.

Nothing here comes from the package under test.  It computes in the type of its tensors: float64 for the truth, another
to see what that type costs the formula itself.
"""

import torch
import torch.nn.functional as F


def attentions(p, x, *, temperature, training, groups):
    """Filter [B, g, out/g], channel [B, g, in/g], spatial [B, taps] and kernel [B, n]; ones where a head is absent."""
    n, out, fan = p["weight"].shape[:3]
    taps = p["weight"][0, 0, 0].numel()
    z = torch.einsum("ac,bc->ba", p["attention.fc.weight"].flatten(1), x.flatten(2).mean(-1))
    mean, variance = p["attention.bn.running_mean"], p["attention.bn.running_var"]
    if training and len(x) > 1:
        mean, variance = z.mean(0), (z - z.mean(0)).square().mean(0)
    z = (z - mean) / torch.sqrt(variance + 1e-5) * p["attention.bn.weight"] + p["attention.bn.bias"]
    z = z.clamp(min=0)

    def head(name, activation, *shape):
        weight = p.get(f"attention.{name}_fc.weight")
        if weight is None:
            return x.new_ones(len(x), *shape)
        logits = torch.einsum("ha,ba->bh", weight.flatten(1), z) + p[f"attention.{name}_fc.bias"]
        return activation(logits / temperature).view(len(x), *shape)

    return (
        head("filter", torch.sigmoid, groups, out // groups),
        head("channel", torch.sigmoid, groups, fan),
        head("spatial", torch.sigmoid, taps),
        head("kernel", lambda logits: torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True), n),
    )


def odconv(p, x, *, stride=1, padding=0, dilation=1, groups=1, temperature=1.0, training=False):
    """Scale and sum the n kernels for each example, then convolve each example in a group of its own.

    `p`: the layer's parameters and buffers by name; `x` [B, in, *S].  A training batch of one example is normalised by
    the running statistics; those are never updated here.
    """
    n, out, fan, *size = p["weight"].shape
    a = attentions(p, x, temperature=temperature, training=training, groups=groups)
    weight = p["weight"].reshape(n, groups, out // groups, fan, -1)
    kernels = torch.einsum("bgo,bgi,bs,bn,ngois->bgois", *a, weight)
    convolve = {1: F.conv1d, 2: F.conv2d}[len(size)]
    images = x.reshape(1, -1, *x.shape[2:])
    y = convolve(images, kernels.reshape(-1, fan, *size), None, stride, padding, dilation, len(x) * groups)
    return y.view(len(x), out, *y.shape[2:])
