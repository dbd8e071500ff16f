"""Images of your own in ImageNet's layout: one folder a class, below `train/` and `val/`.

`imagenet_folder/NAME` reads `<data>/_raw/imagenet_folder/NAME/{train,val}/<class>/*`, a folder, a link to one, or an
archive of it (`NAME.zip`, `NAME.tar.gz`, ...), at 64x64 pixels; `imagenet_folder/NAME-128px` the same at 128x128.  So a
dataset's name alone tells what it holds, and a study can compare sizes.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import published
from dynconv.data.base import ANY, Spec
from dynconv.data.images import centre_crop, decode
from dynconv.data.parallel import in_order
from dynconv.data.tree import Tree, read, top
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="classification",
    title="Images of your own, in ImageNet's folder layout",
    source="a folder or an archive of your own",
    licence="that of your data (ImageNet's own: non-commercial research)",
    citation="that of your data (ImageNet's own: Russakovsky et al. (2015), IJCV 115:211-252)",
    split_rule="train: train/; test: val/",
    members=ANY,
)
SIZE = 64  # pixels of a side unless the name says another
_SIZES = range(8, 513)
_LAYOUT = "train/<class>/* and val/<class>/*"
_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


def download(raw: Path, member: str) -> None:
    """Nothing to fetch: the data are yours."""


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, size, size]; the labels follow the sorted names of the classes."""
    name, size = _parsed(member)
    path = published.find(raw, name)
    if path is None:
        raise DynconvError(f"{raw / name}: no such file or folder; valid: a folder or an archive with {_LAYOUT}")
    with published.opened(path) as tree:
        root = top(tree, "train")
        classes = _classes(tree, f"{root}train")
        if (found := _classes(tree, f"{root}val")) != classes:
            raise DynconvError(f"{tree.where(f'{root}val')}: {_difference(classes, found)}; both must have the same")
        writer.read_from(tree.origin)
        writer.describe(
            classes,
            [
                f"shorter side resized to {size} pixels (bilinear, antialiased), the centre cut out: {size}x{size}",
                "greyscale and other images converted to RGB",
            ],
        )
        for split, folder in (("train", "train"), ("test", "val")):
            examples = _paths(tree, f"{root}{folder}", classes)
            writer.split(split, in_order(lambda example: (_image(tree, example[0], size), example[1]), examples))


def toy(raw: Path, member: str) -> None:
    """Three classes of four training and two test images, of unequal sizes and in two formats."""
    from PIL import Image

    random = np.random.default_rng(0)
    for label, name in enumerate(("n01440764", "n02102040", "n03394916")):
        for split, count in (("train", 4), ("val", 2)):
            folder = raw / _parsed(member)[0] / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                height, width = random.integers(70, 120, 2)
                pixels = random.integers(0, 80, (height, width, 3), dtype=np.uint8)
                pixels[..., label] += 120
                Image.fromarray(pixels).save(folder / f"{name}_{index}.{'png' if index % 2 else 'JPEG'}")


def _parsed(member: str) -> tuple[str, int]:
    """Name of the folder and side of the images: `flowers-128px` is the folder `flowers` at 128 pixels."""
    found = re.fullmatch(r"(.+)-(\d+)px", member)
    if not found:
        return member, SIZE
    if int(found[2]) not in _SIZES:
        raise DynconvError(f"imagenet_folder/{member}: valid: {found[1]}-{_SIZES[0]}px to {found[1]}-{_SIZES[-1]}px")
    return found[1], int(found[2])


def _classes(tree: Tree, folder: str) -> list[str]:
    classes = [PurePosixPath(path).name for path in tree.folders(folder)]
    classes = [name for name in classes if not name.startswith((".", "__MACOSX"))]
    if not classes:
        what = "has files, but no folders of classes" if tree.files(folder) else "no such folder"
        raise DynconvError(f"{tree.where(folder)}: {what}; valid: {_LAYOUT}")
    return classes


def _difference(train: list[str], val: list[str]) -> str:
    lacking, more = sorted({*train} - {*val}), sorted({*val} - {*train})
    return f"no folder {lacking[0]}, which train/ has" if lacking else f"has a folder {more[0]}, which train/ has not"


def _paths(tree: Tree, folder: str, classes: list[str]) -> Iterator[tuple[str, int]]:
    for label, name in enumerate(classes):
        paths = [path for path in tree.files(f"{folder}/{name}") if path.lower().endswith(_SUFFIXES)]
        paths = [path for path in paths if not PurePosixPath(path).name.startswith(".")]  # macOS' `._` files
        if not paths:
            raise DynconvError(f"{tree.where(f'{folder}/{name}')}: no images; valid: files *{' *'.join(_SUFFIXES)}")
        for path in paths:
            yield path, label


def _image(tree: Tree, path: str, size: int) -> np.ndarray:
    return centre_crop(decode(read(tree, path), tree.where(path)), size).transpose(2, 0, 1)
