"""Which form of a dynamic convolution is the fastest for a shape: a linear model of the time of a training step."""

import math
from typing import NamedTuple

from dynconv.models.layers.dynamic.direct import TOGETHER
from dynconv.models.layers.dynamic.geometry import Geometry

FORMS = ("direct", "mixed", "shared")


class Work(NamedTuple):
    """What a form does in a forward and a backward pass, or what each of that costs; the time is their product."""

    calls: float  # thousands of rounds of operations, whatever their size
    macs: float  # 10^9 multiply-adds
    data: float  # 10^9 elements of input, columns and output
    kernels: float  # 10^9 elements of kernels that single examples have
    weights: float  # 10^9 elements of the layer's own weights

    def seconds(self, prices: "Work") -> float:
        """The time at these prices."""
        return sum(amount * price for amount, price in zip(self, prices, strict=True))


# Seconds, fitted by benchmarks/odconv/fit.py to benchmarks/odconv/forms.csv: 2 cores of an AMD EPYC.
CPU = {
    "direct": Work(0.56, 0.0042, 1.2, 1.4, 0.52),
    "mixed": Work(0.31, 0.0038, 1.9, 1.5, 0.23),
    "shared": Work(0.71, 0.0047, 1.9, 2.6, 0.8),
}
# Not measured: 20 * 10^12 multiply-adds and 2 TB a second, elements read or written eight times, and 0.1 ms a round.  A
# group an example ("direct") is left out: cuDNN is known to be slow at it.
GPU = {form: Work(0.1, 5e-5, 0.016, 0.016, 0.016) for form in ("mixed", "shared")}


def work(form: str, batch: int, kernels: int, filters: int, channels: int, at: Geometry) -> Work:
    """The work of `form` for `kernels` candidates of `filters` from `channels` (those of a group)."""
    positions, taps = at.out[0] * at.out[1], at.kernel[0] * at.kernel[1]
    weight, inputs = filters * channels * taps, channels * at.groups
    every, columns = 3 * batch * positions * weight, batch * positions * inputs * taps
    mixing = batch * weight * (kernels if kernels > 1 else 0)
    amounts: tuple[float, ...]
    if form == "direct":
        rounds = max(1, batch / max(1, TOGETHER // weight))
        images = batch * (inputs * at.size[0] * at.size[1] + filters * positions)
        amounts = (rounds, every, images, batch * weight, mixing)
    elif form == "mixed":
        short = 1 + 4 / at.out[1]  # rows of the output are the inner loop of unfolding
        data = columns * short + batch * filters * positions
        amounts = (1 + batch / 16, every, data, batch * weight, mixing)
    else:
        amounts = (1, kernels * every, columns, kernels * batch * positions * filters, kernels * weight)
    return Work(amounts[0] / 1e3, *(amount / 1e9 for amount in amounts[1:]))


def cheapest(batch: int, kernels: int, filters: int, channels: int, at: Geometry, device: str) -> str:
    """The form that should take the least time on a `device` ("cpu", "cuda"); the rest as in `work`."""
    if at.groups > 1:
        return "direct"
    prices, best, least = GPU if device == "cuda" else CPU, "", math.inf
    for form in prices:  # not `min` with a key, which torch.compile does not take for sizes that may vary
        seconds = work(form, batch, kernels, filters, channels, at).seconds(prices[form])
        if seconds < least:
            best, least = form, seconds
    return best
