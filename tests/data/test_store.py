"""A prepared dataset is whole or refused, and a failed or interrupted prepare leaves the old one."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dynconv.data import open_store
from dynconv.data.base import find
from dynconv.data.prepare import prepare
from dynconv.data.writer import Writer
from dynconv.errors import DynconvError


def examples(count=3, value=7):
    for index in range(count):
        yield np.full((1, 2, 2), value + index, dtype=np.uint8), index % 2


def write(folder, spec, train=None, test=None, name="small"):
    with Writer(folder, name, spec) as writer:
        writer.describe(["a", "b"], [])
        writer.split("train", examples() if train is None else train)
        writer.split("test", examples(2) if test is None else test)


@pytest.fixture
def store(tmp_path, small_spec):
    write(tmp_path / "small", small_spec)
    return tmp_path / "small"


def leftovers(store):
    return sorted(path.name for path in store.parent.iterdir() if path != store)


def test_written_is_read(store):
    prepared = open_store(store, "small")
    assert prepared.train.x[:, 0, 0, 0].tolist() == [7, 8, 9]
    assert prepared.test.y.tolist() == [0, 1]
    assert prepared.meta["mean"] == (8.0,)
    assert prepared.meta["std"][0] == pytest.approx(np.sqrt(2 / 3))
    assert isinstance(prepared.train.x, np.memmap) and not prepared.train.x.flags.writeable
    assert leftovers(store) == []


def test_the_hash_is_of_content_not_of_time(store, tmp_path, small_spec):
    write(tmp_path / "again", small_spec)
    write(tmp_path / "other", small_spec, test=examples(2, value=8))
    first, again, other = (
        json.loads((tmp_path / name / "meta.json").read_text())["dataset_hash"] for name in ("small", "again", "other")
    )
    assert first == again != other


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def other_shape(path):
    array = np.load(path)
    np.save(path, array.reshape(array.shape[0], -1))


@pytest.mark.parametrize("file", ["train_x.npy", "train_y.npy", "test_x.npy", "test_y.npy"])
@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (os.unlink, "no such file"),
        (truncate, "truncated"),
        (flip_a_bit, "sha256"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "not a readable .npy file"),
    ],
)
def test_damaged_arrays_are_refused(store, file, damage, cause):
    damage(store / file)
    with pytest.raises(DynconvError) as error:
        open_store(store, "small")
    assert str(store / file) in str(error.value) and cause in str(error.value) and "\n" not in str(error.value)


def test_another_shape_of_the_same_size_is_refused(store):
    other_shape(store / "train_x.npy")
    with pytest.raises(DynconvError, match=r"train_x\.npy: holds uint8 \[3, 4\], meta.json says uint8 \[3, 1, 2, 2\]"):
        open_store(store, "small", hashes=False)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("{", "not readable JSON"),
        ("[]", "meta.json: key"),
        ('{"name": "small"}', "'task'"),
    ],
)
def test_damaged_meta_is_refused(store, content, cause):
    (store / "meta.json").write_text(content)
    with pytest.raises(DynconvError) as error:
        open_store(store, "small")
    assert cause in str(error.value) and str(store / "meta.json") in str(error.value)


def test_meta_without_an_array_is_refused(store):
    meta = json.loads((store / "meta.json").read_text())
    del meta["arrays"]["test_y"]
    (store / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DynconvError, match="test_y is missing"):
        open_store(store, "small")


def test_no_store_and_another_store(store, tmp_path):
    with pytest.raises(DynconvError, match=r"meta\.json: no such file"):
        open_store(tmp_path / "nothing", "nothing")
    with pytest.raises(DynconvError, match="is of dataset 'small', not 'large'"):
        open_store(store, "large")


def broken(error):
    yield from examples(2)
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), DynconvError("unreadable")])
def test_an_interrupted_prepare_leaves_the_old_store(store, small_spec, error):
    before = open_store(store, "small").meta
    with pytest.raises(type(error)):
        write(store, small_spec, train=examples(5), test=broken(error))
    assert open_store(store, "small").meta == before
    assert leftovers(store) == []


def test_a_killed_prepare_leaves_the_old_store(tmp_path):
    prepare("digits", tmp_path, download=False)
    before = open_store(tmp_path / "digits", "digits").meta
    code = (
        "import os, sys, pathlib\n"
        "from dynconv.data.writer import Writer\n"
        "from dynconv.data.datasets import digits\n"
        "with Writer(pathlib.Path(sys.argv[1]), 'digits', digits.SPEC) as writer:\n"
        "    digits.prepare(pathlib.Path('.'), writer, '')\n"
        "    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "digits")], cwd=tmp_path)
    assert done.returncode == 9
    assert open_store(tmp_path / "digits", "digits").meta == before
    prepare("digits", tmp_path, download=False)
    assert open_store(tmp_path / "digits", "digits").meta == before


def test_two_prepares_at_once(tmp_path):
    code = "import sys, pathlib; from dynconv.data.prepare import prepare; prepare('digits', pathlib.Path(sys.argv[1]))"
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(open_store(tmp_path / "digits", "digits").train.x) == 1352
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_of_two_interleaved_writers_the_later_stands(store, small_spec):
    first, second = (Writer(store, "small", small_spec) for _ in range(2))
    with second:
        with first:
            for writer, value in ((first, 20), (second, 30)):
                writer.describe(["a", "b"], [])
                writer.split("train", examples(3, value))
                writer.split("test", examples(2, value))
        assert open_store(store, "small").train.x.max() == 22
    assert open_store(store, "small").train.x.max() == 32
    assert leftovers(store) == []


def test_a_readers_arrays_outlive_a_new_prepare(store, small_spec):
    old = open_store(store, "small")
    write(store, small_spec, train=examples(3, 100))
    assert old.train.x.max() == 9


IMAGE = np.zeros((1, 2, 2), dtype=np.uint8)


@pytest.mark.parametrize(
    ("train", "cause"),
    [
        ([(IMAGE.astype(np.float32), 0)], "x is float32"),
        ([(IMAGE[0], 0)], r"x is uint8 \[2, 2\]"),
        ([(IMAGE, IMAGE[0])], r"y uint8 \[2, 2\]"),
        ([(IMAGE, 0), (IMAGE[:, :1], 0)], "train example 1: x is .* all must be equal"),
        ([(IMAGE, 1.5)], "y float64"),
        ([(IMAGE, 2)], "label 2; valid: 0 to 1"),
        ([(IMAGE, -1)], "valid: 0 to 1"),
        ([], "split 'train' has no examples"),
    ],
)
def test_bad_examples_are_refused(tmp_path, small_spec, train, cause):
    with pytest.raises(DynconvError, match=cause):
        write(tmp_path / "small", small_spec, train=train)
    assert list(tmp_path.iterdir()) == []


def test_a_split_left_out_is_refused(tmp_path, small_spec):
    with (
        pytest.raises(DynconvError, match="split 'test' was not written"),
        Writer(tmp_path / "small", "small", small_spec) as writer,
    ):
        writer.describe(["a", "b"], [])
        writer.split("train", examples())
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_never_replaced(tmp_path, small_spec):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "archive.tar").write_text("precious")
    with pytest.raises(DynconvError, match=r"archive\.tar: not a file of a prepared dataset"):
        write(tmp_path / "small", small_spec)
    assert (tmp_path / "small" / "archive.tar").read_text() == "precious"


@pytest.mark.parametrize("name", ["digits", "shapes_voc", "ucr/GunPoint"])
def test_a_data_folder_that_is_a_file(tmp_path, name):
    (tmp_path / "data").write_text("precious")
    with pytest.raises(DynconvError, match=r"Not a directory|File exists"):
        prepare(name, tmp_path / "data")
    assert (tmp_path / "data").read_text() == "precious"


def test_an_unwritable_place_is_named(tmp_path, small_spec):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(DynconvError, match="cannot write: Not a directory"):
        write(tmp_path / "data" / "small", small_spec)


def test_a_full_disk_is_an_error_and_leaves_the_old_store(store):
    """The arrays go through ordinary writes: a memory map on a full disk would be killed by SIGBUS."""
    code = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from dynconv.data import Spec\n"
        "from dynconv.data.writer import Writer\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "spec = Spec('classification', 't', 's', 'l', 'c', 'r')\n"
        "with Writer(sys.argv[1], 'small', spec) as writer:\n"
        "    writer.describe(['a'], [])\n"
        "    writer.split('train', ((np.zeros((1, 64, 64), dtype=np.uint8), 0) for _ in range(100)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "DynconvError" in last and f"{store}: cannot be made" in last and "File too large" in last
    assert open_store(store, "small").train.x.max() == 9
    assert leftovers(store) == []


@pytest.mark.parametrize(("name", "train", "published"), [("tiny_imagenet", 18, 100_000), ("voc2012", 7, 10_582)])
def test_a_part_of_the_published_files_is_not_taken_for_all(tmp_path, name, train, published):
    """An unpacking that was cut off leaves a folder like any other, if a smaller one."""
    raw = tmp_path / "raw"
    raw.mkdir()
    find(name)[0].toy(raw, "")
    with pytest.raises(DynconvError, match=rf"split 'train' has {train} examples, as published it has {published}"):
        prepare(name, tmp_path / "data", raw=raw, download=False)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_class_name_that_breaks_the_report_is_refused(tmp_path, small_spec):
    writer = Writer(tmp_path / "small", "small", small_spec)
    with pytest.raises(DynconvError, match=r"small: class 'a\\x08b' has a character that cannot be printed"):
        writer.describe(["a\x08b", "c"], [])
