"""Which form of a dynamic convolution is the fastest for a shape."""

import torch

from dynconv.models.layers.dynamic.geometry import Geometry

FORMS = ("direct", "mixed", "shared")


def cheapest(x: torch.Tensor, weight: torch.Tensor, at: Geometry) -> str:
    """The form."""
    positions = at.out[0] * at.out[1]
    if at.groups > 1 or positions * 4 > weight.shape[1]:
        return "direct"
    return "shared" if len(weight) * positions < weight.shape[1] else "mixed"
