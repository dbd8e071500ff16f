"""Pascal VOC's on-disk format for segmentation, read and written.

`VOCdevkit/VOC2012/{JPEGImages/<id>.jpg, SegmentationClass/<id>.png, ImageSets/Segmentation/{train,val}.txt}`; the masks
are palette PNGs whose indices are the classes, 255 = void (Everingham et al., VOC 2012 development kit).
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynconv.data.base import VOID
from dynconv.data.images import decode
from dynconv.data.masks import highest_class
from dynconv.data.parallel import in_order
from dynconv.data.tree import Tree, entries, read
from dynconv.errors import DynconvError

ROOT = "VOCdevkit/VOC2012"


class Pair(NamedTuple):
    """An image and its mask: files of one tree."""

    tree: Tree
    image: str
    mask: str
    decode_mask: Callable[[bytes, str], np.ndarray]  # (content, where) -> uint8 [H, W]


def ids(tree: Tree, split: str) -> list[str]:
    """The images that `<split>.txt` lists."""
    return entries(tree, f"ImageSets/Segmentation/{split}.txt")


def pairs(tree: Tree, ids: Iterable[str]) -> list[Pair]:
    """The files of the images `ids`."""
    return [Pair(tree, f"JPEGImages/{name}.jpg", f"SegmentationClass/{name}.png", decode_indices) for name in ids]


def decode_indices(content: bytes, where: str) -> np.ndarray:
    """The indices of a palette or greyscale image: its classes."""
    return decode(content, where, ("P", "L"))


def examples(found: Iterable[Pair], size: int, num_classes: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (image uint8 [3, size, size], mask uint8 [size, size]) for each pair, in order.

    Nothing is resampled: smaller images are padded at the right and bottom, with 0, their masks with void.

    Raises:
        DynconvError: a file is missing or unreadable, larger than `size`, or a mask has a value that is no class.
    """

    def example(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        image_at, mask_at = pair.tree.where(pair.image), pair.tree.where(pair.mask)
        image = decode(_listed(pair.tree, pair.image), image_at, ("RGB", "L"))
        mask = pair.decode_mask(_listed(pair.tree, pair.mask), mask_at)
        if image.ndim == 2:
            image = np.stack([image] * 3, axis=-1)
        height, width = mask.shape
        if image.shape[:2] != mask.shape:
            raise DynconvError(f"{mask_at}: is {mask.shape}, its image {image.shape[:2]}; both must be of one size")
        if max(height, width) > size:
            raise DynconvError(f"{image_at}: is {width}x{height}; valid: sides up to {size}")
        if (value := highest_class(mask)) >= num_classes:
            raise DynconvError(f"{mask_at}: has value {value}; valid: 0 to {num_classes - 1}, or {VOID} for void")
        padding = (0, size - height), (0, size - width)
        return np.pad(image.transpose(2, 0, 1), ((0, 0), *padding)), np.pad(mask, padding, constant_values=VOID)

    return in_order(example, found)


def _listed(tree: Tree, path: str) -> bytes:
    try:
        return read(tree, path)
    except DynconvError as error:
        if "no such file" in str(error):
            raise DynconvError(f"{tree.where(path)}: no such file, though its split lists it") from None
        raise


def write(raw: Path, split: str, examples: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write (image uint8 [H, W, 3], mask uint8 [H, W]) pairs as split `split`; the names are `<split>_<index>`."""
    from PIL import Image

    root = raw / ROOT
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    names = []
    for index, (image, mask) in enumerate(examples):
        names.append(f"{split}_{index:06d}")
        Image.fromarray(image).save(root / "JPEGImages" / f"{names[-1]}.jpg", quality=95)
        palette_image = Image.fromarray(mask).convert("P")
        palette_image.putpalette(palette())
        palette_image.save(root / "SegmentationClass" / f"{names[-1]}.png")
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def palette() -> list[int]:
    """VOC's 256 colours as r, g, b, r, ...: the bits of the index dealt to red, green and blue, highest bit first."""
    index = np.arange(256)
    colours = np.zeros((256, 3), dtype=np.int64)
    for place in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * place + channel)) & 1) << (7 - place)
    return [int(value) for value in colours.ravel()]
