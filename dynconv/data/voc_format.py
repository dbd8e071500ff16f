"""Pascal VOC's on-disk format for segmentation, read and written.

`VOCdevkit/VOC2012/{JPEGImages/<id>.jpg, SegmentationClass/<id>.png, ImageSets/Segmentation/{train,val}.txt}`; the masks
are palette PNGs whose indices are the classes, 255 = void (Everingham et al., VOC 2012 development kit).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dynconv.data.base import VOID, lines
from dynconv.errors import DynconvError

ROOT = Path("VOCdevkit") / "VOC2012"


def read(raw: Path, split: str, size: int, num_classes: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (image uint8 [3, size, size], mask uint8 [size, size]) for each line of `<split>.txt`.

    Nothing is resampled: smaller images are padded at the right and bottom, with 0, their masks with void.

    Raises:
        DynconvError: a file is missing or unreadable, larger than `size`, or a mask has a value that is no class.
    """
    root = raw / ROOT
    for name in lines(root / "ImageSets" / "Segmentation" / f"{split}.txt"):
        image_path, mask_path = root / "JPEGImages" / f"{name}.jpg", root / "SegmentationClass" / f"{name}.png"
        image, mask = _open(image_path, ("RGB", "L")), _open(mask_path, ("P", "L"))
        if image.ndim == 2:
            image = np.stack([image] * 3, axis=-1)
        height, width = mask.shape
        if image.shape[:2] != mask.shape:
            raise DynconvError(f"{mask_path}: is {mask.shape}, its image {image.shape[:2]}; both must be of one size")
        if max(height, width) > size:
            raise DynconvError(f"{image_path}: is {width}x{height}; valid: sides up to {size}")
        if bad := sorted(set(np.unique(mask).tolist()) - {*range(num_classes), VOID}):
            raise DynconvError(f"{mask_path}: has value {bad[0]}; valid: 0 to {num_classes - 1}, or {VOID} for void")
        padding = (0, size - height), (0, size - width)
        yield np.pad(image, (*padding, (0, 0))).transpose(2, 0, 1), np.pad(mask, padding, constant_values=VOID)


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


def _open(path: Path, modes: tuple[str, ...]) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in modes:
                raise DynconvError(f"{path}: is of mode {image.mode}; valid: {', '.join(modes)}")
            return np.asarray(image)
    except FileNotFoundError:
        raise DynconvError(f"{path}: no such file, though its split lists it") from None
    except OSError as error:
        raise DynconvError(f"{path}: not a readable image: {error}") from None
