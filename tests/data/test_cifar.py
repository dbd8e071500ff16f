"""CIFAR's binary records, as published: in a tar.gz, label bytes first, a plane a colour."""

import tarfile

import numpy as np
import pytest

from dynconv.data import cifar_format, open_store
from dynconv.data.datasets import cifar10, cifar100
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError


@pytest.fixture(params=[cifar10, cifar100], ids=["cifar10", "cifar100"])
def module(request):
    return request.param


@pytest.fixture
def name(module):
    return module.__name__.rpartition(".")[2]


@pytest.fixture
def raw(module, name, tmp_path):
    folder = tmp_path / "_raw" / name
    folder.mkdir(parents=True)
    module.toy(folder, "")
    return folder


def made(data, name):
    return open_store(prepare(name, data, download=False).parent, name)


def test_a_record_is_label_bytes_then_red_green_and_blue(module, name, raw, tmp_path):
    label_bytes = {"cifar10": 1, "cifar100": 2}[name]
    file = raw / module.ROOT / {"cifar10": "test_batch.bin", "cifar100": "test.bin"}[name]
    record = np.arange(label_bytes + 3072) % 251
    record[:label_bytes] = 3  # of CIFAR-100 the coarse class, too
    record[label_bytes - 1] = 2
    file.write_bytes(record.astype(np.uint8).tobytes())
    prepared = made(tmp_path, name)
    assert prepared.test.y.tolist() == [2]
    image = prepared.test.x[0].astype(int)
    assert image[0, 0, :3].tolist() == [label_bytes, label_bytes + 1, label_bytes + 2]  # along a row
    assert image[0, 1, 0] == label_bytes + 32 and image[1, 0, 0] == (label_bytes + 1024) % 251


def test_the_packed_archive_is_the_same_data(module, name, raw, tmp_path):
    unpacked = made(tmp_path, name)
    with tarfile.open(raw / f"{module.ROOT}.tgz", "w:gz") as archive:
        archive.add(raw / module.ROOT, module.ROOT)
    (raw / module.ROOT).rename(tmp_path / "away")
    prepare(name, tmp_path, download=False, force=True)
    packed = open_store(tmp_path / name, name)
    assert packed.meta["dataset_hash"] == unpacked.meta["dataset_hash"]
    assert packed.train.y.tolist() == unpacked.train.y.tolist()


def test_train_is_all_its_files_in_order(tmp_path):
    raw = tmp_path / "_raw" / "cifar10"
    raw.mkdir(parents=True)
    cifar10.toy(raw, "")
    prepared = made(tmp_path, "cifar10")
    assert prepared.train.y.tolist() == [0, 1, 2, 3] * 5 and prepared.test.y.tolist() == list(range(8))
    assert prepared.meta["classes"][0] == "airplane" and prepared.meta["classes"][9] == "truck"


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def empty(file):
    file.write_bytes(b"")


def wrong_label(file):
    content = bytearray(file.read_bytes())
    content[:2] = b"\xc8\xc8"
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda file: file.unlink(), "no such file"),
        (cut, r"has \d+ bytes; valid: a multiple of 307[34]"),
        (empty, "has 0 bytes"),
        (wrong_label, r"record 0 has label 200; valid: 0 to \d"),
    ],
)
def test_bad_records_are_named(module, name, raw, tmp_path, damage, cause):
    file = raw / module.ROOT / {"cifar10": "data_batch_4.bin", "cifar100": "train.bin"}[name]
    damage(file)
    with pytest.raises(DynconvError, match=rf"{file.name}: {cause}") as error:
        made(tmp_path, name)
    assert "\n" not in str(error.value) and not (tmp_path / name).exists()


def test_an_archive_of_the_published_name_must_be_the_published_one(module, name, raw, tmp_path):
    with tarfile.open(raw / module.ARCHIVE.name, "w:gz") as archive:
        archive.add(raw / module.ROOT, module.ROOT)
    with pytest.raises(DynconvError, match=rf"{module.ARCHIVE.name}: has \d+ bytes, the published file"):
        made(tmp_path, name)


def test_written_is_read(tmp_path):
    labels = np.array([4, 0, 7])
    images = cifar_format.coloured(labels)
    cifar_format.write(tmp_path / "a.bin", labels[:, None], images)
    content = np.frombuffer((tmp_path / "a.bin").read_bytes(), np.uint8).reshape(3, 3073)
    assert (content[:, 0] == labels).all() and (content[:, 1:].reshape(images.shape) == images).all()
