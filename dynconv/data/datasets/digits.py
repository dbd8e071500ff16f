"""Handwritten digits, 8x8 (scikit-learn's copy of the UCI optical recognition test set; no download)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data.base import Facts, Spec

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="classification",
    title="Optical recognition of handwritten digits, 8x8",
    source="https://archive.ics.uci.edu/dataset/80",
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49",
    split_rule="test: every fourth example of each class, in the published order; train: all others",
    facts=Facts(shape=(1, 8, 8), classes=10, train=1352, test=445),
)


def download(raw: Path, member: str) -> None:
    """Nothing to do: the images come with scikit-learn."""


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """1797 images, uint8 [1, 8, 8]."""
    images, labels = _read(raw)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[3::4]] = True
    writer.describe([str(digit) for digit in range(10)], ["grey levels 0-16 scaled to 0-255"])
    writer.split("train", _examples(images[~is_test], labels[~is_test]))
    writer.split("test", _examples(images[is_test], labels[is_test]))


def toy(raw: Path, member: str) -> None:
    """The first 80 images."""
    images, labels = _read(raw)
    np.savez(raw / "digits.npz", images=images[:80], labels=labels[:80])


def _read(raw: Path) -> tuple[np.ndarray, np.ndarray]:
    if (raw / "digits.npz").is_file():
        with np.load(raw / "digits.npz") as saved:
            return saved["images"], saved["labels"]
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images, digits.target


def _examples(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    for image, label in zip(images, labels, strict=True):
        yield np.rint(image * (255 / 16)).astype(np.uint8)[None], int(label)
