"""Small archives in the exact layout of the published ones, made of the datasets' own toys."""

import io
import tarfile
import zipfile
from pathlib import Path

from PIL import Image

from dynconv.data.datasets import tiny_imagenet, voc2012


def zip_of(entries, **options):
    """A zip of {name: bytes}; a name that ends with / is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(entries, mode="w"):
    """A tar of {name: bytes}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            if name.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entries_of(folder: Path, top: str):
    """{name: bytes} of all files and folders below `folder / top`, folders first, as `zip -r` and `tar` walk."""
    found = {f"{top}/": b""}
    for path in sorted((folder / top).rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[f"{name}/" if path.is_dir() else name] = b"" if path.is_dir() else path.read_bytes()
    return found


def jpeg(width=64, height=64, mode="RGB", colour=0):
    buffer = io.BytesIO()
    Image.new(mode, (width, height), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def tiny_imagenet_entries(folder: Path):
    """As Stanford's: with words.txt and the test images, whose labels nobody has."""
    tiny_imagenet.toy(folder, "")
    entries = entries_of(folder, "tiny-imagenet-200")
    entries["tiny-imagenet-200/words.txt"] = b"n00001740\tentity\nn02124075\tEgyptian cat\n"
    entries |= {"tiny-imagenet-200/test/": b"", "tiny-imagenet-200/test/images/": b""}
    return entries | {f"tiny-imagenet-200/test/images/test_{index}.JPEG": jpeg() for index in range(3)}


def voc_entries(folder: Path):
    """As the VOC 2012 development kit: with annotations, instances and the other tasks' lists."""
    voc2012.toy(folder, "")
    entries = entries_of(folder, "VOCdevkit")
    top = "VOCdevkit/VOC2012"
    return entries | {
        f"{top}/Annotations/train_000000.xml": b"<annotation/>",
        f"{top}/ImageSets/Main/aeroplane_train.txt": b"train_000000  1\n",
        f"{top}/ImageSets/Segmentation/trainval.txt": b"train_000000\nval_000000\n",
        f"{top}/SegmentationObject/train_000000.png": b"not read",
        f"{top}/JPEGImages/2007_000001.jpg": jpeg(40, 30),  # without a mask
    }


def sbd_entries(folder: Path):
    """As Berkeley's: with the masks of instances."""
    if not (folder / "benchmark_RELEASE").exists():
        voc2012.toy(folder, "")
    entries = entries_of(folder, "benchmark_RELEASE")
    return entries | {
        "benchmark_RELEASE/dataset/inst/sbd_1.mat": b"not read",
        "benchmark_RELEASE/benchmark_code/evaluate.m": b"% code",
        "benchmark_RELEASE/README": b"SBD",
    }
