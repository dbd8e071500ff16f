"""Tiny ImageNet: 64x64 images of 200 ImageNet classes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import published
from dynconv.data.base import Facts, Spec
from dynconv.data.fetch import fetch
from dynconv.data.images import decode
from dynconv.data.parallel import in_order
from dynconv.data.remote import Remote
from dynconv.data.tree import Tree, entries, lines, read
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

FACTS = Facts(shape=(3, 64, 64), classes=200, train=100_000, test=10_000)
SPEC = Spec(
    task="classification",
    title="Tiny ImageNet (200 classes, 64x64)",
    source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    licence="ImageNet's terms of access: non-commercial research",
    citation="Le and Yang (2015), Tiny ImageNet visual recognition challenge, Stanford CS231n",
    split_rule="train: train/ (500 a class); test: val/ (50 a class), since test/ has no public labels",
    facts=FACTS,
)
ROOT = "tiny-imagenet-200"
ARCHIVE = Remote(  # 248 MB; Stanford publishes no checksum: this one is what others commonly give
    (SPEC.source, SPEC.source.replace("http:", "https:")), "90528d7ca1a48142e341f4ef8d21d0de"
)
SIZE = 64


def download(raw: Path, member: str) -> None:
    """248 MB."""
    if not published.find(raw, ROOT, ARCHIVE):
        fetch([ARCHIVE], raw)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 64, 64]; the labels follow the order of wnids.txt."""
    with published.published(raw, ROOT, ARCHIVE) as tree:
        classes = entries(tree, "wnids.txt")
        writer.read_from(tree.origin)
        writer.expect(FACTS)
        writer.describe(classes, ["greyscale images repeated in three channels"])
        for split, examples in (("train", _train(tree, classes)), ("test", _val(tree, classes))):
            writer.split(split, in_order(lambda example: (_image(tree, example[0]), example[1]), examples))


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
        boxes = [f"{wnid}_{index}.JPEG\t0\t0\t62\t62\n" for index in range(6)]
        (folder.parent / f"{wnid}_boxes.txt").write_text("".join(boxes), encoding="utf-8")
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


def _train(tree: Tree, classes: list[str]) -> Iterator[tuple[str, int]]:
    """Path and label of each training image."""
    for label, wnid in enumerate(classes):
        folder = f"train/{wnid}/images"
        # wnid_0, wnid_1, wnid_10, ...: by number, so that the order is the published one on every file system.
        paths = [path for path in tree.files(folder) if path.endswith(".JPEG")]
        if not paths:
            raise DynconvError(f"{tree.where(folder)}: no *.JPEG files, though wnids.txt lists {wnid}")
        for path in sorted(paths, key=lambda path: (len(path), path)):
            yield path, label


def _val(tree: Tree, classes: list[str]) -> Iterator[tuple[str, int]]:
    """Path and label of each test image, in the order of the annotations."""
    labels = {wnid: label for label, wnid in enumerate(classes)}
    annotations, found = "val/val_annotations.txt", []
    for number, line in enumerate(lines(tree, annotations), 1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in labels:
            raise DynconvError(f"{tree.where(annotations)}: line {number}: class {wnid!r} is not in wnids.txt")
        found.append((f"val/images/{name}", labels[wnid]))
    images = tree.files("val/images")
    listed = {path for path, _ in found}
    if missing := [path for path in images if path not in listed]:  # of a list that was cut the rest would do
        raise DynconvError(
            f"{tree.where(annotations)}: lists {len(listed)} of the {len(images)} images, not {missing[0]}"
        )
    yield from found


def _image(tree: Tree, path: str) -> np.ndarray:
    pixels = decode(read(tree, path), tree.where(path))
    if pixels.shape != (SIZE, SIZE, 3):
        raise DynconvError(f"{tree.where(path)}: is {pixels.shape[1]}x{pixels.shape[0]}; valid: {SIZE}x{SIZE}")
    return pixels.transpose(2, 0, 1)
