"""CIFAR's binary files: records of label bytes and 3 x 32 x 32 pixels, read and written.

The binary version and not the one for Python: that one is pickles, and to unpickle a downloaded file is to run it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dynconv.data.tree import Tree, read
from dynconv.errors import DynconvError

SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


def examples(tree: Tree, paths: Iterable[str], labels: int, num_classes: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (image uint8 [3, 32, 32], label) for each record of the files, in order.

    Args:
        tree: that holds the files.
        paths: of the files.
        labels: bytes before the pixels; the last of them is the label (CIFAR-100's first one is the coarse class).
        num_classes: labels are below it.

    Raises:
        DynconvError: a file is missing, cut off within a record, or has a label that is no class.
    """
    for path in paths:
        content = read(tree, path)
        if not content or len(content) % (labels + _PIXELS):
            raise DynconvError(
                f"{tree.where(path)}: has {len(content)} bytes; valid: a multiple of {labels + _PIXELS}, one record"
            )
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, labels + _PIXELS)
        found = records[:, labels - 1]
        if (bad := np.flatnonzero(found >= num_classes)).size:
            raise DynconvError(
                f"{tree.where(path)}: record {bad[0]} has label {found[bad[0]]}; valid: 0 to {num_classes - 1}"
            )
        yield from zip(records[:, labels:].reshape(-1, *SHAPE), map(int, found), strict=True)


def write(path: Path, labels: np.ndarray, images: np.ndarray) -> None:
    """Write records: `labels` uint8 [N, bytes] and `images` uint8 [N, 3, 32, 32]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.concatenate([labels, images.reshape(len(images), -1)], axis=1).astype(np.uint8).tobytes())


def coloured(labels: np.ndarray) -> np.ndarray:
    """Noise, uint8 [N, 3, 32, 32], with one channel brighter by the label: what a toy needs to be learned."""
    images = np.random.default_rng(0).integers(0, 120, (len(labels), *SHAPE), dtype=np.uint8)
    images[np.arange(len(labels)), labels % 3] += 100
    return images
