"""The images of the benchmark: as JPEG files for the peer, and the very same pixels as prepared arrays for dynconv."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torchvision.datasets import ImageFolder

from dynconv.data.store import Split

SIDE = 64
QUALITY = 85  # files of about 2 kB: those of Tiny ImageNet are as large


class Images(NamedTuple):
    """The same examples in the same order, twice."""

    folder: Path  # <class>/images/<class>_<k>.JPEG
    arrays: Split  # memory-mapped
    meta: dict[str, tuple[float, ...]]
    file_bytes: float  # mean size of a JPEG file


def make(folder: Path, classes: int, each: int) -> Images:
    """`classes` folders of `each` images, as the training split of Tiny ImageNet is laid out (200 of 500)."""
    random = np.random.default_rng(0)
    train = folder / "train"
    for label in range(classes):
        name = f"n{label:08}"
        (train / name / "images").mkdir(parents=True)
        for number, pixels in enumerate(_photos(random, each)):
            Image.fromarray(pixels).save(train / name / "images" / f"{name}_{number}.JPEG", quality=QUALITY)
    sizes = [path.stat().st_size for path in train.rglob("*.JPEG")]
    arrays = _decode(train, folder)
    pixels = arrays.x.transpose(1, 0, 2, 3).reshape(3, -1)
    meta = {"mean": tuple(pixels.mean(1).tolist()), "std": tuple(pixels.std(1).tolist())}
    return Images(train, arrays, meta, float(np.mean(sizes)))


def _photos(random: np.random.Generator, count: int) -> np.ndarray:
    """uint8 [count, SIDE, SIDE, 3]: smooth shades, a few hard edges and grain, as photographs have."""
    place = np.linspace(0, 2 * np.pi, SIDE)
    image = np.zeros((count, SIDE, SIDE, 3))
    for frequency in (0.5, 1, 2, 4, 8):
        turn, phase = random.uniform(0, 2 * np.pi, (2, count, 1, 1, 3))
        wave = np.cos(turn) * place[:, None, None] + np.sin(turn) * place[None, :, None]
        image += 50 / (1 + frequency) * np.cos(frequency * wave + phase)
    for _ in range(3):  # boxes
        top, left = random.integers(0, SIDE // 2, (2, count, 1, 1))
        height, width = random.integers(8, SIDE // 2, (2, count, 1, 1))
        rows, columns = np.arange(SIDE)[None, :, None], np.arange(SIDE)[None, None, :]
        inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
        image += inside[..., None] * random.normal(0, 40, (count, 1, 1, 3))
    image += 120 + random.normal(0, 8, (count, SIDE, SIDE, 1))
    return image.clip(0, 255).astype(np.uint8)


def _decode(train: Path, folder: Path) -> Split:
    """The pixels that the peer will see, in the files' order, as dynconv stores a prepared split."""
    files = ImageFolder(train).samples
    x = np.lib.format.open_memmap(folder / "train_x.npy", "w+", np.uint8, (len(files), 3, SIDE, SIDE))
    for place, (path, _) in enumerate(files):
        with Image.open(path) as image:
            x[place] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    x.flush()
    np.save(folder / "train_y.npy", np.array([label for _, label in files], dtype=np.int64))
    return Split(*(np.load(folder / f"train_{part}.npy", mmap_mode="r") for part in "xy"))
