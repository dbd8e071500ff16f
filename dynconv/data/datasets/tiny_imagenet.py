"""Tiny ImageNet: 64x64 images of 200 ImageNet classes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data.base import Facts, Spec, lines
from dynconv.data.download import archive
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

SPEC = Spec(
    task="classification",
    title="Tiny ImageNet (200 classes, 64x64)",
    source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    licence="ImageNet's terms of access: non-commercial research",
    citation="Le and Yang (2015), Tiny ImageNet visual recognition challenge, Stanford CS231n",
    split_rule="train: train/ (500 a class); test: val/ (50 a class), since test/ has no public labels",
    facts=Facts(shape=(3, 64, 64), classes=200, train=100_000, test=10_000),
)
ROOT = "tiny-imagenet-200"
SIZE = 64


def download(raw: Path, member: str) -> None:
    """248 MB."""
    archive(SPEC.source, "90528d7ca1a48142e341f4ef8d21d0de", raw, ROOT)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 64, 64]; the labels follow the order of wnids.txt."""
    classes = lines(raw / ROOT / "wnids.txt")
    writer.describe(classes, ["greyscale images repeated in three channels"])
    writer.split("train", _train(raw / ROOT, classes))
    writer.split("test", _val(raw / ROOT, classes))


def toy(raw: Path, member: str) -> None:
    """Three classes of six training and two test images; the first of each is greyscale."""
    from PIL import Image

    random = np.random.default_rng(0)
    classes = ["n02124075", "n01443537", "n04067472"]
    images, annotations = raw / ROOT / "val" / "images", []
    images.mkdir(parents=True)
    (raw / ROOT / "wnids.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    for label, wnid in enumerate(classes):
        folder = raw / ROOT / "train" / wnid / "images"
        folder.mkdir(parents=True)
        for index in range(8):
            pixels = random.integers(0, 80, (SIZE, SIZE, 3), dtype=np.uint8)
            pixels[..., label] += 120
            image = Image.fromarray(pixels if index % 6 else pixels[..., 0])
            if index < 6:
                image.save(folder / f"{wnid}_{index}.JPEG")
            else:
                name = f"val_{2 * label + index - 6}.JPEG"
                image.save(images / name)
                annotations.append(f"{name}\t{wnid}\t0\t0\t62\t62")
    (raw / ROOT / "val" / "val_annotations.txt").write_text("\n".join(annotations) + "\n", encoding="utf-8")


def _train(root: Path, classes: list[str]) -> Iterator[tuple[np.ndarray, int]]:
    for label, wnid in enumerate(classes):
        folder = root / "train" / wnid / "images"
        # wnid_0, wnid_1, wnid_10, ...: by number, so that the order is the published one on every file system.
        paths = sorted(folder.glob("*.JPEG"), key=lambda path: (len(path.name), path.name))
        if not paths:
            raise DynconvError(f"{folder}: no *.JPEG files, though wnids.txt lists {wnid}")
        for path in paths:
            yield _image(path), label


def _val(root: Path, classes: list[str]) -> Iterator[tuple[np.ndarray, int]]:
    labels = {wnid: label for label, wnid in enumerate(classes)}
    annotations = root / "val" / "val_annotations.txt"
    for number, line in enumerate(lines(annotations), 1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in labels:
            raise DynconvError(f"{annotations}: line {number}: class {wnid!r} is not in wnids.txt")
        yield _image(root / "val" / "images" / name), labels[wnid]


def _image(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DynconvError(f"{path}: not a readable image: {error}") from None
    if pixels.shape != (SIZE, SIZE, 3):
        raise DynconvError(f"{path}: is {pixels.shape[1]}x{pixels.shape[0]}; valid: {SIZE}x{SIZE}")
    return pixels.transpose(2, 0, 1)
