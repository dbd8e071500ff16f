"""CIFAR-10: 32x32 colour images of 10 classes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import cifar_format, published
from dynconv.data.base import Facts, Spec
from dynconv.data.fetch import fetch
from dynconv.data.remote import Remote
from dynconv.data.tree import lines

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="classification",
    title="CIFAR-10 (10 classes, 32x32)",
    source="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    licence="none stated; made public for research",
    citation="Krizhevsky (2009), Learning multiple layers of features from tiny images, University of Toronto",
    split_rule="train: data_batch_1 to 5 (50,000); test: test_batch (10,000)",
    facts=Facts(shape=(3, 32, 32), classes=10, train=50_000, test=10_000),
)
ROOT = "cifar-10-batches-bin"
ARCHIVE = Remote((SPEC.source,), "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171)
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))


def download(raw: Path, member: str) -> None:
    """170 MB."""
    if not published.find(raw, ROOT, ARCHIVE):
        fetch([ARCHIVE], raw)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 32, 32]."""
    with published.published(raw, ROOT, ARCHIVE) as tree:
        classes = lines(tree, "batches.meta.txt")
        writer.read_from(tree.origin)
        writer.describe(classes, [])
        for split, paths in (("train", _TRAIN), ("test", ("test_batch.bin",))):
            writer.split(split, cifar_format.examples(tree, paths, 1, len(classes)))


def toy(raw: Path, member: str) -> None:
    """Four training images in each of the five files, and eight test images."""
    (raw / ROOT).mkdir(parents=True)
    classes = "airplane automobile bird cat deer dog frog horse ship truck"
    (raw / ROOT / "batches.meta.txt").write_text(classes.replace(" ", "\n") + "\n\n", encoding="utf-8")
    for path, count in (*((path, 4) for path in _TRAIN), ("test_batch.bin", 8)):
        labels = np.arange(count) % 10
        cifar_format.write(raw / ROOT / path, labels[:, None], cifar_format.coloured(labels))
