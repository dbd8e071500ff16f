"""Cityscapes' folders and zips: label ids to classes, the stored size, and what is refused."""

import shutil

import numpy as np
import pytest
from PIL import Image

from dynconv.data import VOID, cityscapes_format, open_store
from dynconv.data.cityscapes_format import CLASSES
from dynconv.data.datasets import cityscapes
from dynconv.data.prepare import prepare
from dynconv.data.remote import Remote
from dynconv.data.tree import FolderTree
from dynconv.errors import DynconvError


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "_raw" / "cityscapes"
    folder.mkdir(parents=True)
    cityscapes.toy(folder, "")
    return folder


def made(data):
    return open_store(prepare("cityscapes", data, download=False).parent, "cityscapes")


def read(raw, height, width, split="train"):
    images, masks = FolderTree(raw / "leftImg8bit"), FolderTree(raw / "gtFine")
    found = cityscapes_format.pairs(images, masks, split)
    return list(cityscapes_format.examples(images, masks, found, height, width))


def test_classes_are_the_published_training_ids():
    assert len(CLASSES) == 19
    assert [*CLASSES][:3] == ["road", "sidewalk", "building"] and [*CLASSES][13] == "car"
    assert list(CLASSES.values()) == sorted(CLASSES.values())


def test_label_ids_become_classes_and_all_others_void(tmp_path):
    ids = np.array([*range(34), 255, 255], dtype=np.uint8).reshape(3, 12).repeat(2, axis=0).repeat(2, axis=1)
    cityscapes_format.write(tmp_path, "train", "ulm", [(np.zeros((6, 24, 3), np.uint8), ids)])
    ((_, mask),) = read(tmp_path, 3, 12)
    of_class = {int(value): label for label, value in enumerate(CLASSES.values())}
    assert mask.ravel().tolist() == [of_class.get(value, VOID) for value in [*range(34), 255, 255]]


def test_images_are_averaged_and_masks_are_not(tmp_path):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (32, 64, 3), dtype=np.uint8)
    mask = random.choice([7, 8, 26], (32, 64)).astype(np.uint8)
    cityscapes_format.write(tmp_path, "train", "ulm", [(image, mask)])
    ((small, labels),) = read(tmp_path, 8, 16)
    blocks = image.reshape(8, 4, 16, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    assert np.abs(small - blocks).max() <= 1
    # A pixel of the middle: it is one of the block's four inner ones, never a mixture.
    inner = mask.reshape(8, 4, 16, 4)[:, 1:3, :, 1:3].transpose(0, 2, 1, 3).reshape(8, 16, 4)
    ids = np.array(list(CLASSES.values()))[labels]
    assert (inner == ids[..., None]).any(axis=-1).all()


def test_splits_are_in_the_order_of_cities(raw, tmp_path):
    prepared = made(tmp_path)
    assert prepared.train.x.shape == (4, 3, 256, 512) and prepared.test.y.shape == (2, 256, 512)
    assert set(np.unique(prepared.train.y)) == {0, 10, 13, VOID}  # road, sky, car
    first = read(raw, 256, 512)[0]
    assert np.array_equal(prepared.train.x[0], first[0]) and np.array_equal(prepared.train.y[0], first[1])


def test_the_two_published_zips_are_read_where_they_are(raw, tmp_path, monkeypatch):
    unpacked = made(tmp_path)
    for root, remote in cityscapes.PUBLISHED.items():
        shutil.make_archive(str(raw / remote.name.removesuffix(".zip")), "zip", raw, root)
        shutil.rmtree(raw / root)
    with pytest.raises(DynconvError, match=r"leftImg8bit_trainvaltest\.zip: its md5 is"):
        prepare("cityscapes", tmp_path, download=False, force=True)
    unsigned = {root: Remote(remote.urls) for root, remote in cityscapes.PUBLISHED.items()}
    monkeypatch.setattr(cityscapes, "PUBLISHED", unsigned)
    prepare("cityscapes", tmp_path, download=True, force=True)  # there is nothing to fetch
    packed = open_store(tmp_path / "cityscapes", "cityscapes")
    assert packed.meta["dataset_hash"] == unpacked.meta["dataset_hash"]
    assert [file["name"] for file in packed.meta["files"]] == [remote.name for remote in unsigned.values()]


def test_without_the_files_it_says_where_to_get_them(tmp_path):
    with pytest.raises(DynconvError, match=r"no leftImg8bit_trainvaltest\.zip and no gtFine.*registered.*downloads/"):
        prepare("cityscapes", tmp_path)


def files(raw):
    return (
        raw / "leftImg8bit/train/bochum/bochum_000001_000019_leftImg8bit.png",
        raw / "gtFine/train/bochum/bochum_000001_000019_gtFine_labelIds.png",
    )


def truncated(raw):
    path = files(raw)[0]
    path.write_bytes(path.read_bytes()[:-200])


def grey(raw):
    Image.new("L", (1024, 512)).save(files(raw)[0])


def colour_mask(raw):
    Image.new("RGBA", (1024, 512)).save(files(raw)[1])


def train_ids(raw):
    Image.new("L", (1024, 512), 40).save(files(raw)[1])


def other_size(raw):
    Image.new("L", (1024, 511)).save(files(raw)[1])


def square(raw):
    for path, mode in zip(files(raw), ("RGB", "L"), strict=True):
        Image.new(mode, (512, 512)).save(path)


def small(raw):
    for path, mode in zip(files(raw), ("RGB", "L"), strict=True):
        Image.new(mode, (256, 128)).save(path)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda raw: files(raw)[1].unlink(), r"labelIds\.png: no such file, though .*_leftImg8bit\.png is there"),
        (lambda raw: shutil.rmtree(raw / "leftImg8bit/val"), r"leftImg8bit/val: no images; valid: val/<city>"),
        (lambda raw: shutil.rmtree(raw / "gtFine"), r"gtFine.*: no such file"),
        (truncated, r"000001_000019_leftImg8bit\.png: not a readable image"),
        (grey, r"leftImg8bit\.png: is of mode L; valid: RGB"),
        (colour_mask, r"labelIds\.png: is of mode RGBA; valid: L"),
        (train_ids, r"labelIds\.png: has value 40; valid: label ids 0 to 33, or 255"),
        (other_size, r"labelIds\.png: is \(511, 1024\), its image \(512, 1024\)"),
        (square, r"leftImg8bit\.png: is 512x512; valid: 512x256 or larger, of these proportions"),
        (small, r"leftImg8bit\.png: is 256x128; valid: 512x256"),
    ],
)
def test_bad_files_are_named(raw, tmp_path, damage, cause):
    damage(raw)
    with pytest.raises(DynconvError, match=cause) as error:
        made(tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / "cityscapes").exists()
