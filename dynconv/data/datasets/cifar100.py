"""CIFAR-100: 32x32 colour images of 100 classes."""

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
    title="CIFAR-100 (100 classes, 32x32)",
    source="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    licence="none stated; made public for research",
    citation="Krizhevsky (2009), Learning multiple layers of features from tiny images, University of Toronto",
    split_rule="train: train.bin (50,000); test: test.bin (10,000)",
    facts=Facts(shape=(3, 32, 32), classes=100, train=50_000, test=10_000),
)
ROOT = "cifar-100-binary"
ARCHIVE = Remote((SPEC.source,), "03b5dce01913d631647c71ecec9e9cb8", 168_513_733)


def download(raw: Path, member: str) -> None:
    """169 MB."""
    if not published.find(raw, ROOT, ARCHIVE):
        fetch([ARCHIVE], raw)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 32, 32]; the labels are the 100 fine ones."""
    with published.published(raw, ROOT, ARCHIVE) as tree:
        classes = lines(tree, "fine_label_names.txt")
        writer.read_from(tree.origin)
        writer.describe(classes, ["the 100 fine labels; the 20 coarse ones are left out"])
        for split in ("train", "test"):
            writer.split(split, cifar_format.examples(tree, [f"{split}.bin"], 2, len(classes)))


def toy(raw: Path, member: str) -> None:
    """Twelve training and six test images of the first three of five classes."""
    (raw / ROOT).mkdir(parents=True)
    names = {"fine": "apple aquarium_fish baby bear beaver", "coarse": "fruit fish people carnivores"}
    for kind, classes in names.items():
        (raw / ROOT / f"{kind}_label_names.txt").write_text(classes.replace(" ", "\n") + "\n", encoding="utf-8")
    for split, count in (("train", 12), ("test", 6)):
        labels = np.arange(count) % 3
        pairs = np.stack([np.full(count, 1), labels], axis=1)
        cifar_format.write(raw / ROOT / f"{split}.bin", pairs, cifar_format.coloured(labels))
