"""A node's copy of a dataset is whole or not used, made once, kept while it is read, and no reason to fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dynconv.data import open_store
from dynconv.data.staging import open_staged
from dynconv.data.staging_cache import Entry, idle
from dynconv.data.store import open_arrays
from dynconv.data.writer import Writer
from dynconv.errors import DynconvError

# Opens a dataset, says so, and reads it until its standard input ends.
READER = """
import sys
from pathlib import Path
from dynconv.data.staging import open_staged
from dynconv.data.store import open_arrays
prepared = open_staged(Path(sys.argv[1]), Path(sys.argv[1]).name, open_arrays, lambda line: print(line, flush=True))
print(prepared.train.x.filename, int(prepared.train.x.sum()), flush=True)
sys.stdin.read()
"""
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n"
COUNT, BYTES = 20, 20 * 24 * 24  # of each dataset's train_x


class Reader:
    """A process that reads a dataset."""

    def __init__(self, folder, code=READER, **env):
        words = [sys.executable, "-c", code, str(folder)]
        self.process = subprocess.Popen(
            words,
            env=os.environ | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        """The line that it said, the file that it reads, the sum of its content."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        line, read = out.splitlines()
        file, total = read.rsplit(" ", 1)
        return line, Path(file), int(total)

    def begin(self):
        """Wait until it reads; returns its line."""
        line = self.process.stdout.readline()
        assert self.process.stdout.readline()
        return line


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The node's disk."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("DYNCONV_SCRATCH", str(folder))
    monkeypatch.delenv("DYNCONV_SCRATCH_LIMIT", raising=False)
    return folder


@pytest.fixture
def make(tmp_path, small_spec):
    """`make("a", 1)`: a dataset of ones on the shared storage."""

    def make(name, value):
        with Writer(tmp_path / "data" / name, name, small_spec) as writer:
            writer.describe(["a", "b"], [])
            for split in ("train", "test"):
                writer.split(split, ((np.full((1, 24, 24), value, np.uint8), i % 2) for i in range(COUNT)))
        return tmp_path / "data" / name

    return make


def cache(scratch):
    return scratch / f"dynconv-{os.getuid()}"


def entry(scratch, source):
    return Entry(cache(scratch) / json.loads((source / "meta.json").read_text())["dataset_hash"])


def stage(source, **env):
    return Reader(source, **env).end()


def staged(scratch):
    """The copies that are there, and nothing else is."""
    folders = {path.name for path in cache(scratch).glob("*/*") if path.is_dir()}
    assert folders <= {"store"}
    return {path.parent.name for path in cache(scratch).glob("*/store")}


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.005)


def test_without_a_scratch_disk_nothing_changes(make, monkeypatch):
    monkeypatch.setenv("DYNCONV_SCRATCH", "")
    source, said = make("a", 1), []
    assert open_staged(source, "a", open_arrays, said.append).train.x.filename == source / "train_x.npy"
    assert not said


def test_copied_once_and_read_there(scratch, make):
    source = make("a", 1)
    line, file, total = stage(source)
    store = entry(scratch, source).store
    assert line.startswith(f"a is staged: 23.9 kB copied from {source} to {store} in ")
    assert (file, total) == (store / "train_x.npy", BYTES)
    for name in ("train_x", "train_y", "test_x", "test_y"):
        assert (store / f"{name}.npy").read_bytes() == (source / f"{name}.npy").read_bytes()
    for name in ("train_x", "train_y", "test_x", "test_y"):
        (source / f"{name}.npy").write_bytes(b"")  # no more than meta.json is read here
    assert stage(source) == (f"a is staged: reads 23.9 kB in {store}", file, total)


def test_the_same_content_is_one_copy_and_other_content_another(scratch, make, tmp_path):
    source = make("a", 1)
    _, first, _ = stage(source)
    shutil.copytree(source, tmp_path / "elsewhere/a")
    assert stage(tmp_path / "elsewhere/a")[1] == first
    make("a", 2)  # prepared anew, with other examples
    line, file, total = stage(source)
    assert "copied" in line and file != first and total == 2 * BYTES


def test_of_many_processes_one_copies(scratch, make):
    """The source is a pipe whose content comes once: a second copy would wait for ever."""
    source = make("a", 1)
    content = (source / "train_x.npy").read_bytes()
    (source / "train_x.npy").unlink()
    os.mkfifo(source / "train_x.npy")
    readers = [Reader(source) for _ in range(4)]
    with (source / "train_x.npy").open("wb") as pipe:
        pipe.write(content)
    ends = [reader.end() for reader in readers]
    assert sorted("copied" in line for line, *_ in ends) == [False, False, False, True]
    assert {(file, total) for _, file, total in ends} == {(entry(scratch, source).store / "train_x.npy", BYTES)}


def killed_copy(source):
    """A copy killed in the middle of `train_x`."""
    content = (source / "train_x.npy").read_bytes()
    (source / "train_x.npy").unlink()
    os.mkfifo(source / "train_x.npy")
    reader = Reader(source)
    with (source / "train_x.npy").open("wb") as pipe:
        pipe.write(content[: len(content) // 2])
        pipe.flush()
        reader.process.send_signal(signal.SIGKILL)
        reader.process.communicate(timeout=60)
    (source / "train_x.npy").unlink()
    (source / "train_x.npy").write_bytes(content)


def test_a_killed_copy_is_not_taken_for_a_whole_one(scratch, make):
    source = make("a", 1)
    killed_copy(source)
    place = entry(scratch, source)
    assert place.part.is_dir() and not place.store.exists()
    line, file, total = stage(source)
    assert "copied from" in line and file.parent == place.store and total == BYTES
    assert not place.part.exists()


def test_the_next_copy_of_anything_removes_what_a_kill_has_left(scratch, make):
    source, other = make("a", 1), make("b", 2)
    killed_copy(source)
    assert entry(scratch, source).part.exists()
    assert "copied" in stage(other)[0]
    assert not entry(scratch, source).part.exists() and staged(scratch) == {entry(scratch, other).folder.name}


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_wrong_source_is_the_error_it_always_was(scratch, make):
    source, said = make("a", 1), []
    flip_a_bit(source / "test_x.npy")
    with pytest.raises(DynconvError) as direct:
        open_store(source, "a")
    with pytest.raises(DynconvError) as error:
        open_staged(source, "a", open_arrays, said.append)
    assert str(error.value) == str(direct.value) and "sha256" in str(error.value)
    assert staged(scratch) == set() and not said
    (source / "test_x.npy").unlink()
    with pytest.raises(DynconvError, match=r"test_x\.npy: no such file"):
        open_staged(source, "a", open_arrays)
    with pytest.raises(DynconvError, match="is of dataset 'a', not 'b'"):
        open_staged(source, "b", open_arrays)


def rewrite_under_the_old_time(path):
    times = path.stat()
    flip_a_bit(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "damage",
    [os.unlink, flip_a_bit, rewrite_under_the_old_time, lambda path: os.truncate(path, 200)],
)
def test_an_altered_copy_is_made_again(scratch, make, damage):
    source = make("a", 1)
    stage(source)
    copy = entry(scratch, source).store / "train_x.npy"
    if os.getuid():
        with pytest.raises(PermissionError):
            copy.open("r+b")
    copy.chmod(0o644)
    damage(copy)
    line, file, total = stage(source)
    assert "copied from" in line and line.endswith("the copy there had been altered")
    assert (file, total) == (copy, BYTES)


def test_a_copy_altered_under_a_reader_is_replaced_beside_it(scratch, make):
    source = make("a", 1)
    reader = Reader(source)
    reader.begin()
    os.utime(entry(scratch, source).store / "train_x.npy", ns=(0, 0))
    assert "had been altered" in stage(source)[0]
    reader.process.communicate(timeout=60)
    assert reader.process.returncode == 0


def test_the_least_recently_used_goes_first(scratch, make):
    a, b, c, d = (make(name, value) for value, name in enumerate("abcd", 1))
    limit = {"DYNCONV_SCRATCH_LIMIT": "75k"}  # three of 23.9 kB
    for source in (a, b, c, a):
        stage(source, **limit)
    names = {source: entry(scratch, source).folder.name for source in (a, b, c, d)}
    assert staged(scratch) == {names[a], names[b], names[c]}
    assert "copied" in stage(d, **limit)[0]
    assert staged(scratch) == {names[a], names[c], names[d]}
    assert "reads" in stage(a, **limit)[0]


def test_what_is_read_stays(scratch, make):
    a, b, c = (make(name, value) for value, name in enumerate("abc", 1))
    limit = {"DYNCONV_SCRATCH_LIMIT": "50k"}
    reading = Reader(a, **limit)
    reading.begin()
    stage(b, **limit)
    assert "copied" in stage(c, **limit)[0]  # b goes, though a was used longer ago
    assert staged(scratch) == {entry(scratch, a).folder.name, entry(scratch, c).folder.name}
    with idle(cache(scratch)) as unread:
        assert unread == [entry(scratch, c)]
    other = Reader(c, **limit)
    other.begin()
    line, file, total = stage(b, **limit)
    assert line.startswith(f"b is not staged: {cache(scratch)} has no 23.9 kB left: the limit is 50.0 kB, 48.")
    assert line.endswith(f" kB in use; reads {b}")
    assert (file, total) == (b / "train_x.npy", 2 * BYTES)
    reading.process.kill()  # the kernel gives its lock back
    reading.process.communicate()
    assert "copied" in stage(b, **limit)[0]
    other.process.communicate(timeout=60)


def test_what_never_fits_removes_nothing(scratch, make):
    a, b = make("a", 1), make("b", 2)
    stage(a)
    assert "b is not staged: " in stage(b, DYNCONV_SCRATCH_LIMIT="20k")[0]
    assert staged(scratch) == {entry(scratch, a).folder.name}


def test_a_full_disk_is_no_reason_to_fail(scratch, make):
    source = make("a", 1)
    line, file, total = Reader(source, FULL + READER).end()
    assert line == f"a is not staged: a limit on the size of files is reached; reads {source}"
    assert (file, total) == (source / "train_x.npy", BYTES)
    assert staged(scratch) == set()
    assert "copied" in stage(source)[0]


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda scratch: scratch.rmdir(), "is no folder on this node"),
        (lambda scratch: cache(scratch).write_text(""), "others may write in"),
        (lambda scratch: cache(scratch).symlink_to(scratch.parent), "others may write in"),
        (lambda scratch: (cache(scratch).mkdir(), cache(scratch).chmod(0o777)), "others may write in"),
    ],
)
def test_an_unfit_scratch_folder_is_no_reason_to_fail(scratch, make, spoil, cause):
    source = make("a", 1)
    spoil(scratch)
    line, file, total = stage(source)
    assert line.startswith("a is not staged: ") and cause in line and line.endswith(f"reads {source}")
    assert (file, total) == (source / "train_x.npy", BYTES)


def test_a_limit_that_is_no_size_is_named(scratch, make):
    source = make("a", 1)
    line, file, _ = stage(source, DYNCONV_SCRATCH_LIMIT="20 bananas")
    assert "DYNCONV_SCRATCH_LIMIT: '20 bananas' is no size; valid: " in line and file.parent == source


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for root")
def test_a_scratch_folder_that_is_read_only(scratch, make):
    source = make("a", 1)
    scratch.chmod(0o500)
    assert f"a is not staged: permission denied; reads {source}" == stage(source)[0]
