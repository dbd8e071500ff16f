"""A validation part cut from the training split: by class, the same for whoever asks with the same key."""

import hashlib
from typing import Any, NamedTuple

import numpy as np


class Cut(NamedTuple):
    """Places in the training split, int64, ascending, each in one of the two."""

    train: np.ndarray
    validation: np.ndarray


class Rows:
    """Some rows of an array, read where they are: what is memory-mapped is not copied.

    Args:
        array: [N, ...].
        places: int64 [n], the rows.
    """

    def __init__(self, array: np.ndarray, places: np.ndarray):
        self.array, self.places = array, places
        self.dtype, self.ndim, self.shape = array.dtype, array.ndim, (len(places), *array.shape[1:])
        self.nbytes = len(places) * array[:1].nbytes

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> np.ndarray:
        """The rows at `index`, a slice or int [m], among these."""
        return self.array[self.places[index]]


def cut(y: np.ndarray, share: float, key: str) -> Cut:
    """Cut `share` (0 to 1) of the examples off for validation.

    Labels: each class gives its share, rounded so that the sum is right, and keeps one example at least for training.
    Masks: any examples.  Where nothing can be cut off, `validation` is empty.

    Args:
        y: labels [N] or masks [N, H, W].
        share: of the examples.
        key: another key is another cut.
    """
    n = len(y)
    order = _order(n, key)
    _, classes, counts = np.unique(y if y.ndim == 1 else np.zeros(n), return_inverse=True, return_counts=True)
    take = _apportion(counts, min(max(1, round(share * n)), int((counts - 1).sum())), share, _order(len(counts), key))
    grouped = order[np.argsort(classes[order], kind="stable")]  # by class, in random order within each
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    off = place < np.repeat(take, counts)
    return Cut(np.sort(grouped[~off]), np.sort(grouped[off]))


def _apportion(counts: np.ndarray, total: int, share: float, order: np.ndarray) -> np.ndarray:
    """How many of each class, `total` together: the largest remainders are rounded up, equal ones in `order`."""
    quota, spare = share * counts, counts - 1
    take = np.minimum(np.floor(quota).astype(np.int64), spare)
    while take.sum() < total:
        missing = np.where(take < spare, quota - take, -np.inf)[order]
        take[order[np.argmax(missing)]] += 1
    return take


def _order(n: int, key: str) -> np.ndarray:
    """A random order of `n`; Philox's raw numbers are the same in every version of numpy."""
    number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest(), "little")
    return np.argsort(np.random.Philox(key=number).random_raw(n), kind="stable")
