"""Cityscapes and other street scenes in its folders: segmentation with 19 classes, stored at 512x256.

Prepared, the 3,475 published images of 2048x1024 take 1.8 GB; at their full size it would be 29 GB.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import cityscapes_format
from dynconv.data.base import Facts, Spec
from dynconv.data.cityscapes_format import CLASSES, IMAGES, MASKS
from dynconv.data.published import find, published
from dynconv.data.remote import Remote
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="segmentation",
    title="Cityscapes-style folders (19 classes, 512x256)",
    source="https://www.cityscapes-dataset.com/downloads/",
    licence="Cityscapes' own terms: non-commercial research, after registration",
    citation="Cordts et al. (2016), The Cityscapes dataset for semantic urban scene understanding, CVPR",
    split_rule="train: train/ (2,975); test: val/ (500), since the labels of test/ are not public",
    facts=Facts(shape=(3, 256, 512), classes=19, train=2_975, test=500),
)
HEIGHT, WIDTH = 256, 512
# Behind a login: these have a name and no URL.
PUBLISHED = {
    IMAGES: Remote(("leftImg8bit_trainvaltest.zip",), "0a6e97e94b616a514066c9e2adb0c97f"),  # 11 GB
    MASKS: Remote(("gtFine_trainvaltest.zip",), "4237c19de34c8a376e9ba46b495d6f66"),  # 241 MB
}


def download(raw: Path, member: str) -> None:
    """Nothing can be fetched without an account; DynconvError says what to get where, unless it is there."""
    if lacking := [remote.name for root, remote in PUBLISHED.items() if not find(raw, root, remote)]:
        raise DynconvError(
            f"{raw}: no {' and no '.join(lacking)}; Cityscapes gives them to registered users only: "
            f"get them from {SPEC.source}, put them there and run again"
        )


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 256, 512] and masks uint8 [256, 512]."""
    with ExitStack() as stack:
        images, masks = (stack.enter_context(published(raw, root, remote)) for root, remote in PUBLISHED.items())
        writer.read_from(images.origin, masks.origin)
        writer.describe(
            list(CLASSES),
            [
                f"images averaged over blocks of pixels to {WIDTH}x{HEIGHT}, masks by the nearest pixel",
                "label ids to the 19 published training ids, all others to void",
            ],
        )
        for split, folder in (("train", "train"), ("test", "val")):
            found = cityscapes_format.pairs(images, masks, folder)
            writer.split(split, cityscapes_format.examples(images, masks, found, HEIGHT, WIDTH))


def toy(raw: Path, member: str) -> None:
    """Two training images each of two cities, and two test images, at 1024x512; a road, a car, and void between."""
    random = np.random.default_rng(0)
    for split, city in (("train", "aachen"), ("train", "bochum"), ("val", "frankfurt")):
        cityscapes_format.write(raw, split, city, _scenes(random, 2))


def _scenes(random: np.random.Generator, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _ in range(count):
        mask = np.full((16, 32), CLASSES["sky"], dtype=np.uint8)
        mask[8:] = CLASSES["road"]
        row, column = random.integers(4, 10), random.integers(4, 20)
        mask[row - 1 : row + 5, column - 1 : column + 9] = 1  # the ego vehicle's id: not a class
        mask[row : row + 4, column : column + 8] = CLASSES["car"]
        image = np.stack([mask * 7, 255 - mask * 7, random.integers(0, 256, mask.shape)], axis=-1).astype(np.uint8)
        yield image.repeat(32, axis=0).repeat(32, axis=1), mask.repeat(32, axis=0).repeat(32, axis=1)
