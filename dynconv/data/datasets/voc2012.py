"""Pascal VOC 2012 segmentation, published train and val lists, 21 classes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import voc_format
from dynconv.data.base import VOID, Facts, Spec
from dynconv.data.download import archive

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="segmentation",
    title="Pascal VOC 2012 segmentation",
    source="https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    licence="research use; the images fall under Flickr's terms of use",
    citation="Everingham et al. (2015), The Pascal visual object classes challenge: a retrospective, IJCV 111",
    split_rule="train: ImageSets/Segmentation/train.txt (1464); test: val.txt (1449)",
    facts=Facts(shape=(3, 512, 512), classes=21, train=1464, test=1449),
)
SIZE = 512  # every published image has sides up to 500
_NAMES = """
    background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
    pottedplant sheep sofa train tvmonitor
"""
CLASSES = tuple(_NAMES.split())


def download(raw: Path, member: str) -> None:
    """1.9 GB."""
    archive(SPEC.source, "6cd6e144f989b92b3379bac3b3de84fd", raw, "VOCdevkit")


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 512, 512] and masks uint8 [512, 512]."""
    writer.describe(CLASSES, [f"padded at the right and bottom to {SIZE}x{SIZE}: images with 0, masks with void"])
    writer.split("train", voc_format.read(raw, "train", SIZE, len(CLASSES)))
    writer.split("test", voc_format.read(raw, "val", SIZE, len(CLASSES)))


def toy(raw: Path, member: str) -> None:
    """Four training and two test images of unequal sizes, with one object each."""
    random = np.random.default_rng(0)
    voc_format.write(raw, "train", _objects(random, 4))
    voc_format.write(raw, "val", _objects(random, 2))


def _objects(random: np.random.Generator, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _ in range(count):
        height, width = random.integers(40, 80, 2)
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), dtype=np.uint8)
        mask[8:24, 8:32] = VOID
        mask[10:22, 10:30] = random.integers(1, len(CLASSES))
        yield image, mask
