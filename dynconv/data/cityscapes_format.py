"""Cityscapes' on-disk format, read and written.

`leftImg8bit/<split>/<city>/<id>_leftImg8bit.png` are the images, `gtFine/<split>/<city>/<id>_gtFine_labelIds.png` their
masks of label ids 0 to 33, of which 19 are classes (Cordts et al. 2016; `labels.py` of the published scripts).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynconv.data.base import VOID
from dynconv.data.images import decode
from dynconv.data.parallel import in_order
from dynconv.data.tree import Tree, read
from dynconv.errors import DynconvError

IMAGES, MASKS = "leftImg8bit", "gtFine"
CLASSES = {  # name: label id, in the order of the published training ids
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
_LABELS = 34  # ids 0 to 33; 255 stands for -1, the licence plate
_UNKNOWN = 254  # in `_TRAIN_IDS`: not a label
_TRAIN_IDS = np.full(256, _UNKNOWN, dtype=np.uint8)
_TRAIN_IDS[[*range(_LABELS), 255]] = VOID
_TRAIN_IDS[list(CLASSES.values())] = range(len(CLASSES))


class Pair(NamedTuple):
    """The paths of an image and of its mask, each in its tree."""

    image: str
    mask: str


def pairs(images: Tree, masks: Tree, split: str) -> list[Pair]:
    """The images of a split with their masks, by city and name.

    Raises:
        DynconvError: the split has no images, or an image no mask.
    """
    found = []
    for city in images.folders(split):
        labelled = set(masks.files(city))
        for image in images.files(city):
            if image.endswith(f"_{IMAGES}.png"):
                mask = f"{image.removesuffix(f'_{IMAGES}.png')}_{MASKS}_labelIds.png"
                if mask not in labelled:
                    raise DynconvError(f"{masks.where(mask)}: no such file, though {images.where(image)} is there")
                found.append(Pair(image, mask))
    if not found:
        raise DynconvError(f"{images.where(split)}: no images; valid: {split}/<city>/<id>_{IMAGES}.png")
    return found


def examples(
    images: Tree, masks: Tree, found: Iterable[Pair], height: int, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (image uint8 [3, height, width], mask uint8 [height, width]) for each pair, in order.

    An image's pixel is the average of those that it stands for; a mask's pixel is the one in their middle.

    Raises:
        DynconvError: a file is missing or unreadable, image and mask are of unequal size, they are smaller than wanted
            or of other proportions, or a mask has a value that is no label.
    """

    def example(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        from PIL import Image

        image_at, mask_at = images.where(pair.image), masks.where(pair.mask)
        image = decode(read(images, pair.image), image_at, ("RGB",))
        mask = decode(read(masks, pair.mask), mask_at, ("L",))
        high, wide = mask.shape
        if image.shape[:2] != mask.shape:
            raise DynconvError(f"{mask_at}: is {mask.shape}, its image {image.shape[:2]}; both must be of one size")
        if high < height or high * width != wide * height:
            raise DynconvError(f"{image_at}: is {wide}x{high}; valid: {width}x{height} or larger, of these proportions")
        train_ids = _TRAIN_IDS[mask]
        if (bad := mask[train_ids == _UNKNOWN]).size:
            raise DynconvError(f"{mask_at}: has value {bad[0]}; valid: label ids 0 to {_LABELS - 1}, or 255")
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
        train_ids = np.asarray(Image.fromarray(train_ids).resize((width, height), Image.Resampling.NEAREST))
        return image.transpose(2, 0, 1), train_ids

    return in_order(example, found)


def write(raw: Path, split: str, city: str, examples: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write (image uint8 [H, W, 3], mask of label ids uint8 [H, W]) pairs as frames of `city`."""
    from PIL import Image

    for root in (IMAGES, MASKS):
        (raw / root / split / city).mkdir(parents=True, exist_ok=True)
    for index, (image, mask) in enumerate(examples):
        name = f"{city}_{index:06d}_000019"
        Image.fromarray(image).save(raw / IMAGES / split / city / f"{name}_{IMAGES}.png")
        Image.fromarray(mask).save(raw / MASKS / split / city / f"{name}_{MASKS}_labelIds.png")
