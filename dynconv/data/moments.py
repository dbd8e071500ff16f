"""Mean and standard deviation of each channel, over examples that pass by one after the other."""

import math
from typing import Any

import numpy as np

from dynconv.data.base import VOID
from dynconv.errors import DynconvError

_BLOCK = 1 << 16  # squares of bytes, at most 255**2, that a sum in uint32 holds


class Moments:
    """Sums over the examples so far: for uint8 whole numbers, exact up to 2**53; for float32 in float64."""

    def __init__(self) -> None:
        self._count = 0  # values a channel
        self._sums: Any = 0.0
        self._squares: Any = 0.0

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Count one example: x uint8 [C, H, W] or float32 [C, L]; y a label, or a mask uint8 [H, W] with void."""
        values = x.reshape(len(x), -1)
        if values.dtype != np.uint8:
            values = values.astype(np.float64)
            self._count += values.shape[1]
            self._sums = self._sums + values.sum(axis=1)
            self._squares = self._squares + np.square(values).sum(axis=1)
            return
        if y.ndim:
            known = y.ravel() != VOID
            self._count += int(np.count_nonzero(known))
            values = values * known.view(np.uint8)  # 0 adds nothing
        else:
            self._count += values.shape[1]
        for start in range(0, values.shape[1], _BLOCK):
            block = values[:, start : start + _BLOCK]
            self._sums = self._sums + block.sum(axis=1, dtype=np.uint32)
            self._squares = self._squares + np.square(block, dtype=np.uint16).sum(axis=1, dtype=np.uint32)

    def result(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and population standard deviation of each channel, the latter 1 where a channel is constant."""
        if not self._count:
            raise DynconvError("the training split has nothing but void pixels")
        mean = self._sums / self._count
        variance = self._squares / self._count - mean**2
        return tuple(mean.tolist()), tuple(math.sqrt(v) if v > 1e-12 else 1.0 for v in variance.tolist())
