"""The published archives, generated: in their true formats and of the true files' sizes, with invented pixels."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dynconv.data import voc_format
from dynconv.data.base import VOID
from dynconv.data.datasets import tiny_imagenet, voc2012

CLASSES = 200  # of Tiny ImageNet
DISTINCT = 3000  # images; a larger set repeats them, which costs whoever reads it nothing less
_SIDE = 1024  # of the picture that all images are cut from


class Archive(NamedTuple):
    """A generated archive."""

    path: Path
    train: int  # images
    test: int
    jpeg_bytes: float  # mean size of an image's file


def tiny_zip(folder: Path, train: int) -> Archive:
    """`tiny-imagenet-200.zip` of `train` training images and a tenth as many for testing; files of about 2 kB."""
    photo, random = photos(), np.random.default_rng(0)
    jpegs = [_jpeg(photo(random, 64, 64), quality=75) for _ in range(min(train, DISTINCT))]
    wnids = [f"n{label:08}" for label in range(min(CLASSES, train))]
    path = folder / tiny_imagenet.ARCHIVE.name
    test = max(1, train // 10)
    with zipfile.ZipFile(path, "w") as archive:

        def put(name: str, content: bytes | str) -> None:
            archive.writestr(f"{tiny_imagenet.ROOT}/{name}", content)

        put("wnids.txt", "".join(f"{wnid}\n" for wnid in wnids))
        for place in range(train):
            number, label = divmod(place, len(wnids))
            put(f"train/{wnids[label]}/images/{wnids[label]}_{number}.JPEG", jpegs[place % len(jpegs)])
        for place in range(test):
            put(f"val/images/val_{place}.JPEG", jpegs[place % len(jpegs)])
        lines = (f"val_{place}.JPEG\t{wnids[place % len(wnids)]}\t0\t0\t62\t62\n" for place in range(test))
        put("val/val_annotations.txt", "".join(lines))
    return Archive(path, train, test, float(np.mean([len(jpeg) for jpeg in jpegs])))


def voc_tar(folder: Path, train: int) -> Archive:
    """`VOCtrainval_11-May-2012.tar` of `train` training images and as many for testing; files of about 100 kB.

    The published tar has six times as many images as its lists of segmentation name; here there are only those.
    """
    path, sizes = folder / voc2012.VOC.name, []
    with tarfile.open(path, "w") as archive:

        def put(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(f"{voc_format.ROOT}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

        photo, random = photos(), np.random.default_rng(0)
        for split in ("train", "val"):
            names = [f"2012_{split}_{place:06}" for place in range(train)]
            put(f"ImageSets/Segmentation/{split}.txt", "".join(f"{name}\n" for name in names).encode())
            for name in names:
                image, mask = photo(random, 375, 500), _mask(random, 375, 500)
                sizes.append(len(jpeg := _jpeg(image, quality=88)))
                put(f"JPEGImages/{name}.jpg", jpeg)
                put(f"SegmentationClass/{name}.png", _palette_png(mask))
    return Archive(path, train, train, float(np.mean(sizes)))


def photos() -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """A function that cuts an image, uint8 [height, width, 3], out of a large picture, with a contrast of its own.

    The picture has the spectrum of photographs (amplitude 1/f), so that its JPEG files are as large as theirs.
    """
    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None])
    amplitude = 1 / np.maximum(frequency, 4 / _SIDE)  # flat below: no image is all bright or all dark
    waves = [amplitude * np.exp(2j * np.pi * random.random(frequency.shape)) for _ in range(3)]
    luminance, *colours = (np.fft.irfft2(wave, (_SIDE, _SIDE)).astype(np.float32) for wave in waves)
    luminance, *colours = (plane / plane.std() for plane in (luminance, *colours))
    red, blue = (luminance + 0.25 * colour for colour in colours)
    picture = np.stack([red, luminance, blue], axis=-1)

    def photo(random: np.random.Generator, height: int, width: int) -> np.ndarray:
        top, left = random.integers(0, _SIDE - height), random.integers(0, _SIDE - width)
        cut = picture[top : top + height, left : left + width]
        return (random.uniform(80, 170) + random.uniform(20, 75) * cut).clip(0, 255).astype(np.uint8)

    return photo


def _mask(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """One to three ellipses with borders of void."""
    mask = np.zeros((height, width), dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for _ in range(random.integers(1, 4)):
        y, x = random.integers(0, height), random.integers(0, width)
        reach = np.hypot((rows - y) / random.integers(40, 150), (columns - x) / random.integers(40, 150))
        mask[reach < 1.05] = VOID
        mask[reach < 1] = random.integers(1, len(voc2012.CLASSES))
    return mask


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _palette_png(mask: np.ndarray) -> bytes:
    image, file = Image.fromarray(mask).convert("P"), io.BytesIO()
    image.putpalette(voc_format.palette())
    image.save(file, "PNG")
    return file.getvalue()
