"""Random draws that depend only on the seed and on how many datasets there are.

All pairs with equally many datasets share them: this is what makes 780 pairs fast, and since nothing else goes in, the
numbers of a pair do not depend on the other variants in the table.
"""

from collections.abc import Callable, Iterator
from zlib import crc32

import numpy as np

_BLOCK = 1 << 24  # numbers held at once


def named(seed: int, *keys: str | int) -> np.random.Generator:
    """A stream of its own for what the names and numbers `keys` say, whatever else is drawn with `seed`."""
    return np.random.default_rng([seed, *(crc32(key.encode()) if isinstance(key, str) else key for key in keys)])


def bootstrap_counts(n: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n things is drawn in n draws with replacement: [rows, n], whole numbers as floats."""
    cells = rng.integers(n, size=(rows, n), dtype=np.int64)
    cells += n * np.arange(rows)[:, None]
    return np.bincount(cells.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


class Draws:
    """Bootstrap counts and random signs for n datasets, drawn with `seed`; the latest n is kept, larger ones are not.

    Args:
        resamples: how many to draw.
        seed: the same one gives the same draws, bit for bit.
    """

    def __init__(self, resamples: int, seed: int):
        self.resamples, self.seed = resamples, seed
        self._kept: dict[str, tuple[int, np.ndarray]] = {}

    def counts(self, n: int) -> Iterator[np.ndarray]:
        """How often each of n datasets is drawn in n draws with replacement: blocks of [resamples, n]."""
        return self._blocks("counts", n, 0, lambda rng, rows: bootstrap_counts(n, rows, rng))

    def signs(self, n: int) -> Iterator[np.ndarray]:
        """Random signs +-1 of n differences: blocks of [resamples, n]."""

        def draw(rng: np.random.Generator, rows: int) -> np.ndarray:
            return 1.0 - 2.0 * rng.integers(2, size=(rows, n), dtype=np.int8)

        return self._blocks("signs", n, 1, draw)

    def _blocks(
        self, kind: str, n: int, stream: int, draw: Callable[[np.random.Generator, int], np.ndarray]
    ) -> Iterator[np.ndarray]:
        kept_n, kept = self._kept.get(kind, (0, np.empty(0)))
        if kept_n == n:
            yield kept
            return
        rng = named(self.seed, stream, n)
        rows = max(1, _BLOCK // n)
        for start in range(0, self.resamples, rows):
            block = draw(rng, min(rows, self.resamples - start))
            if rows >= self.resamples:
                self._kept[kind] = (n, block)
            yield block
