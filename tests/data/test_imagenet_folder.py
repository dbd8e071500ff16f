"""Images of a user's own: any name, its size, folders and archives, and what is refused."""

import shutil

import numpy as np
import pytest
from PIL import Image

from dynconv.data import open_store
from dynconv.data.datasets import imagenet_folder
from dynconv.data.images import centre_crop
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "_raw" / "imagenet_folder"
    folder.mkdir(parents=True)
    imagenet_folder.toy(folder, "pets")
    return folder


def made(data, name="imagenet_folder/pets"):
    return open_store(prepare(name, data, download=False).parent, name)


def test_folders_are_classes_and_the_name_tells_the_size(raw, tmp_path):
    small, large = made(tmp_path), made(tmp_path, "imagenet_folder/pets-96px")
    assert small.meta["shape"] == (3, 64, 64) and large.meta["shape"] == (3, 96, 96)
    assert "64x64" in small.meta["transformations"][0] and "96x96" in large.meta["transformations"][0]
    assert small.meta["classes"] == ("n01440764", "n02102040", "n03394916")  # sorted
    for prepared in (small, large):
        assert prepared.train.y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
        assert prepared.test.y.tolist() == [0, 0, 1, 1, 2, 2]
        assert (prepared.train.x.mean(axis=(2, 3)).argmax(axis=1) == prepared.train.y).all()  # the toy's colours
    with pytest.raises(DynconvError, match="valid: pets-8px to pets-512px"):
        made(tmp_path, "imagenet_folder/pets-4px")


@pytest.mark.parametrize(("form", "inside"), [("zip", "."), ("gztar", "pets"), ("tar", ".")])
def test_archives_with_and_without_their_folder_are_the_same_data(raw, tmp_path, form, inside):
    unpacked = made(tmp_path)
    shutil.make_archive(str(raw / "pets"), form, *((raw / "pets",) if inside == "." else (raw, inside)))
    shutil.rmtree(raw / "pets")
    prepare("imagenet_folder/pets", tmp_path, download=False, force=True)
    packed = open_store(tmp_path / "imagenet_folder" / "pets", "imagenet_folder/pets")
    assert packed.meta["dataset_hash"] == unpacked.meta["dataset_hash"]
    assert packed.meta["files"][0]["sha256"] is not None


def test_a_linked_folder_is_read(raw, tmp_path):
    (raw / "pets").rename(tmp_path / "elsewhere")
    (raw / "pets").symlink_to(tmp_path / "elsewhere")
    assert made(tmp_path).meta["counts"] == {"train": 12, "test": 6}


def test_centre_crop():
    assert centre_crop(np.full((300, 70, 3), 9, np.uint8), 64).shape == (64, 64, 3)
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 200
    assert (centre_crop(wide, 40) == 200).all()  # exactly the middle third
    assert centre_crop(wide, 20)[:, 1:-1].min() == 200


def other_classes(raw):
    (raw / "pets/val/n03394916").rename(raw / "pets/val/n09999999")


def no_images(raw):
    for path in (raw / "pets/train/n02102040").iterdir():
        path.rename(path.with_suffix(".txt"))


def flat(raw):
    shutil.rmtree(raw / "pets/val")
    (raw / "pets/val").mkdir()
    (raw / "pets/val/ILSVRC2012_val_00000001.JPEG").write_bytes(b"")


def truncated(raw):
    path = raw / "pets/train/n02102040/n02102040_0.JPEG"
    path.write_bytes(path.read_bytes()[:300])


def sixteen_bits(raw):
    Image.fromarray(np.full((80, 80), 40_000, np.uint16)).save(raw / "pets/val/n02102040/n02102040_1.png")


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda raw: shutil.rmtree(raw / "pets"), r"pets: no such file or folder; valid: a folder or an archive with"),
        (lambda raw: shutil.rmtree(raw / "pets/val"), r"pets/val: no such folder; valid: train/<class>"),
        (flat, r"pets/val: has files, but no folders of classes"),
        (other_classes, r"pets/val: no folder n03394916, which train/ has"),
        (no_images, r"train/n02102040: no images; valid: files \*\.jpeg"),
        (truncated, r"n02102040_0\.JPEG: not a readable image"),
        (sixteen_bits, r"n02102040_1\.png: is of mode I;16; valid: 8 bits"),
    ],
)
def test_bad_data_are_named(raw, tmp_path, damage, cause):
    damage(raw)
    with pytest.raises(DynconvError, match=cause) as error:
        made(tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / "imagenet_folder" / "pets").exists()
