"""How many examples are worked on at a time."""

from collections.abc import Iterator

import torch

# Elements of kernels and columns that exist at a time: on a CPU about what its last cache holds.
WORKSPACE = {"cpu": 2**24, "cuda": 2**26}


def portions(batch: int, elements: int, device: torch.device) -> Iterator[slice]:
    """Slices, of about equal size, of a batch whose examples need `elements` of memory each."""
    most = max(1, WORKSPACE["cuda" if device.type == "cuda" else "cpu"] // max(1, elements))
    step = max(1, -(-batch // max(1, -(-batch // most))))
    return (slice(start, start + step) for start in range(0, batch, step))
