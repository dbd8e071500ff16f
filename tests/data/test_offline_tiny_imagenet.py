"""Tiny ImageNet from an archive of the published layout: downloaded, verified, prepared, or refused."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from published_files import jpeg, tar_of, tiny_imagenet_entries, zip_of

from dynconv.data import open_store
from dynconv.data.datasets import tiny_imagenet
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError

pytestmark = pytest.mark.usefixtures("small")

TOP = "tiny-imagenet-200"
NAME = "tiny_imagenet"


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return tiny_imagenet_entries(tmp_path_factory.mktemp("published"))


@pytest.fixture
def publish(server, monkeypatch):
    """Offer an archive as Stanford does; its URL."""

    def offer(content, **manners):
        url = server.add(f"{TOP}.zip", content, **manners)
        remote = dataclasses.replace(tiny_imagenet.ARCHIVE, urls=(url,), checksum=hashlib.md5(content).hexdigest())
        monkeypatch.setattr(tiny_imagenet, "ARCHIVE", remote)
        return url

    return offer


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


STORE = [f"{NAME}/{name}" for name in ("meta.json", "test_x.npy", "test_y.npy", "train_x.npy", "train_y.npy")]


def test_it_is_downloaded_verified_and_prepared(entries, publish, server, tmp_path):
    content = zip_of(entries)
    publish(content)
    prepared = open_store(prepare(NAME, tmp_path).parent, NAME)
    assert files(tmp_path) == [f"_raw/{NAME}/{TOP}.zip", *STORE]
    (file,) = prepared.meta["files"]
    assert file == {
        "name": f"{TOP}.zip",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "verified": True,
    }
    assert prepared.meta["classes"] == ("n02124075", "n01443537", "n04067472")  # of wnids.txt, neither sorted nor words
    assert prepared.train.y.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert prepared.test.y.tolist() == [0, 0, 1, 1, 2, 2]
    for label in range(3):  # the first of each class is grey, and the toy's class k is bright in channel k
        grey, colour = prepared.train.x[6 * label].astype(int), prepared.train.x[6 * label + 1].astype(int)
        assert (grey[0] == grey[1]).all() and (grey[0] == grey[2]).all()
        assert colour.mean((1, 2)).argmax() == label
    prepare(NAME, tmp_path)
    assert len(server.seen) == 1


def test_images_are_ordered_by_number_and_labels_follow_the_annotations(tmp_path):
    wnids = ["n2", "n1"]
    made = {f"{TOP}/wnids.txt": b"n2\nn1\n"}
    for wnid in wnids:
        for index in (10, 2, 0, 1):
            made[f"{TOP}/train/{wnid}/images/{wnid}_{index}.JPEG"] = jpeg(mode="L", colour=index * 20)
    for index in range(4):
        made[f"{TOP}/val/images/val_{index}.JPEG"] = jpeg(mode="L", colour=index * 20)
    # Neither in the order of the images nor in that of the classes.
    made[f"{TOP}/val/val_annotations.txt"] = b"".join(
        f"val_{index}.JPEG\t{wnid}\t0\t0\t63\t63\r\n".encode()
        for index, wnid in ((3, "n1"), (0, "n2"), (2, "n2"), (1, "n1"))
    )
    raw = tmp_path / "_raw" / NAME
    raw.mkdir(parents=True)
    (raw / f"{TOP}.tar").write_bytes(tar_of(made))
    prepared = open_store(prepare(NAME, tmp_path, download=False).parent, NAME)
    assert prepared.meta["classes"] == ("n2", "n1")
    assert [round(image.mean() / 20) for image in prepared.train.x] == [0, 1, 2, 10, 0, 1, 2, 10]
    assert [round(image.mean() / 20) for image in prepared.test.x] == [3, 0, 2, 1]
    assert prepared.test.y.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        (f"{TOP}.tar", tar_of),
        (f"{TOP}.tar.gz", lambda entries: tar_of(entries, "w:gz")),
        (f"{TOP}.tgz", lambda entries: tar_of(entries, "w:gz")),
        (TOP, None),
    ],
)
def test_all_layouts_give_the_same_arrays(entries, publish, server, tmp_path, name, make):
    publish(zip_of(entries))
    expected = open_store(prepare(NAME, tmp_path / "a").parent, NAME).meta["dataset_hash"]
    raw = tmp_path / "raw"
    raw.mkdir()
    if make:
        (raw / name).write_bytes(make(entries))
    else:
        with zipfile.ZipFile(tmp_path / "a" / "_raw" / NAME / f"{TOP}.zip") as archive:
            archive.extractall(raw)
    meta = open_store(prepare(NAME, tmp_path / "b", download=False, raw=raw).parent, NAME).meta
    assert meta["dataset_hash"] == expected
    assert meta["files"][0]["name"] == (name if make else f"{TOP}/") and meta["files"][0]["verified"] is None
    prepare(NAME, tmp_path / "c", raw=raw)  # what is there is not downloaded
    assert len(server.seen) == 1


def change(entries, **changes):
    """With the members that end so replaced, or left out where the content is None."""
    changed = dict(entries)
    for name, content in changes.items():
        changed.pop(f"{TOP}/{name}", None)
        if content is not None:
            changed[f"{TOP}/{name}"] = content
    return changed


IMAGE = "train/n01443537/images/n01443537_3.JPEG"
ANNOTATIONS = "val/val_annotations.txt"
PAIRS = b"val_0.JPEG\tn02124075\t0\t0\t6\t6\n"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({IMAGE: jpeg()[:300]}, f"{IMAGE}: not a readable image"),
        ({IMAGE: b""}, f"{IMAGE}: not a readable image"),
        ({IMAGE: b"<html>"}, f"{IMAGE}: not a readable image"),
        ({IMAGE: jpeg(32, 64)}, f"{IMAGE}: is 32x64; valid: 64x64"),
        ({"wnids.txt": None}, "wnids.txt: no such file"),
        ({"wnids.txt": b""}, "wnids.txt: "),
        ({"wnids.txt": b"caf\xe9\n"}, "wnids.txt: not a text file"),
        ({"wnids.txt": b"n01443537\nn01443537\n"}, "wnids.txt: lists n01443537 twice"),
        ({"wnids.txt": b"n02124075\nn01443537\nn04067472\nn999\n"}, "train/n999/images: no *.JPEG files"),
        ({ANNOTATIONS: None}, f"{ANNOTATIONS}: no such file"),
        ({ANNOTATIONS: b""}, ANNOTATIONS),
        ({ANNOTATIONS: PAIRS.replace(b"n02", b"n99")}, f"{ANNOTATIONS}: line 1: class 'n99124075' is not in wnids.txt"),
        ({ANNOTATIONS: b"val_0.JPEG\n"}, f"{ANNOTATIONS}: line 1"),
        ({ANNOTATIONS: PAIRS}, f"{ANNOTATIONS}: lists 1 of the 6 images"),  # cut between two lines
        ({"val/images/val_3.JPEG": None}, "val/images/val_3.JPEG: no such file"),
    ],
)
def test_what_is_wrong_within_is_named_and_the_old_store_stays(entries, publish, tmp_path, changes, cause):
    publish(zip_of(entries))
    before = open_store(prepare(NAME, tmp_path).parent, NAME).meta
    (tmp_path / "_raw" / NAME / f"{TOP}.zip").unlink()
    publish(zip_of(change(entries, **changes)))
    with pytest.raises(DynconvError) as error:
        prepare(NAME, tmp_path, force=True)
    assert cause in str(error.value) and "\n" not in str(error.value)
    assert f"{TOP}.zip" in str(error.value)
    assert open_store(tmp_path / NAME, NAME).meta == before
    assert files(tmp_path) == [f"_raw/{NAME}/{TOP}.zip", *STORE]


def test_a_zip_whose_checksum_is_another_is_refused_wherever_it_is_from(entries, publish, tmp_path):
    publish(zip_of(entries))
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / f"{TOP}.zip").write_bytes(zip_of(entries)[:-100])  # a user's own download, cut
    with pytest.raises(DynconvError, match=rf"raw/{TOP}\.zip: its md5 is"):
        prepare(NAME, tmp_path / "data", raw=raw)
    assert files(tmp_path) == [f"raw/{TOP}.zip"]


def test_the_memory_does_not_grow_with_the_number_of_images(tmp_path):
    code = (
        "import dataclasses, resource, sys\n"
        "from dynconv.data.prepare import prepare\n"
        "from pathlib import Path\n"
        "from dynconv.data.datasets import tiny_imagenet\n"
        "tiny_imagenet.ARCHIVE = dataclasses.replace(tiny_imagenet.ARCHIVE, checksum='')\n"
        "tiny_imagenet.FACTS = dataclasses.replace(tiny_imagenet.FACTS, train=None, test=None)\n"
        f"prepare('{NAME}', Path(sys.argv[1]), download=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)\n"
    )
    random = np.random.default_rng(0)
    images = [jpeg(colour=tuple(random.integers(0, 256, 3).tolist())) for _ in range(50)]
    peaks = []
    for count in (500, 4000):
        data = tmp_path / str(count)
        raw = data / "_raw" / NAME
        raw.mkdir(parents=True)
        entries = {f"{TOP}/wnids.txt": b"n1\n", f"{TOP}/val/val_annotations.txt": b"val_0.JPEG\tn1\n"}
        entries[f"{TOP}/val/images/val_0.JPEG"] = images[0]
        entries |= {f"{TOP}/train/n1/images/n1_{index}.JPEG": images[index % 50] for index in range(count)}
        (raw / f"{TOP}.zip").write_bytes(zip_of(entries))
        done = subprocess.run([sys.executable, "-c", code, str(data)], capture_output=True, text=True, check=True)
        assert np.load(data / NAME / "train_x.npy", mmap_mode="r").nbytes == count * 3 * 64 * 64
        peaks.append(int(done.stdout))
        shutil.rmtree(data)
    assert peaks[1] - peaks[0] < 20, peaks  # MB; the arrays differ by 43
