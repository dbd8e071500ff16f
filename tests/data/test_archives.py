"""Archives that honest publishers make are read in place; all others are refused in one line and leave nothing."""

import gzip
import io
import random
import signal
import struct
import subprocess
import sys
import tarfile
import zipfile

import pytest
from published_files import tar_of, zip_of

from dynconv.data import archives
from dynconv.data.archives import open_archive
from dynconv.data.published import published
from dynconv.data.tree import Origin, exists, lines, read
from dynconv.errors import DynconvError

FILES = {"top/": b"", "top/a.txt": b"one\n\ntwo \n", "top/in/b.bin": bytes(range(256)) * 40, "other/c": b"3"}


def gz(content):
    return gzip.compress(content, 1)


def put(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def opened(path, root="top"):
    return open_archive(path, root, Origin(path.name))


def refused(path, root="top"):
    """The one line that opening or reading the whole of an archive ends with; nothing is left beside it."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(DynconvError) as error, opened(path, root) as tree:
        folders = [""]
        while folders:
            folder = folders.pop()
            folders += tree.folders(folder)
            for name in tree.files(folder):
                read(tree, name)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert sorted(path.parent.iterdir()) == before
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.zip", zip_of),
        ("a.tar", tar_of),
        ("a.tar.gz", lambda files: tar_of(files, "w:gz")),
        ("a.tgz", lambda files: tar_of(files, "w:gz")),
        ("a.tar.bz2", lambda files: tar_of(files, "w:bz2")),
        ("a.tar.xz", lambda files: tar_of(files, "w:xz")),
    ],
)
@pytest.mark.parametrize("dot", ["", "./"])
def test_each_kind_is_one_tree(tmp_path, name, make, dot):
    path = put(tmp_path, name, make({dot + key: content for key, content in FILES.items()}))
    with opened(path) as tree:
        assert tree.files() == ["a.txt"] and tree.folders() == ["in"] and tree.files("in") == ["in/b.bin"]
        assert tree.files("nowhere") == [] and tree.folders("in") == []
        assert lines(tree, "a.txt") == ["one", "two"]
        assert read(tree, "in/b.bin") == FILES["top/in/b.bin"]
        assert exists(tree, "a.txt") and exists(tree, "in/b.bin") and not exists(tree, "c")
        with pytest.raises(DynconvError, match=rf"{name}:top/none: no such file"):
            read(tree, "none")
        assert tree.where("a.txt") == f"{path}:top/a.txt"
    with opened(path, "") as tree:
        assert tree.folders() == ["other", "top"]
    assert "has no folder nowhere; it holds other, top" in refused(path, "nowhere")


UNSAFE = ["../x", "top/../../x", "/etc/x", "..\\x", "top\\..\\..\\x", "C:\\x", "C:/x", "\\x", "\\\\host\\share\\x"]


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_names_that_lead_out_are_refused(tmp_path, name, kind):
    make = {"zip": zip_of, "tar": tar_of, "tgz": lambda files: tar_of(files, "w:gz")}[kind]
    told = refused(put(tmp_path, f"a.{kind}", make({**FILES, name: b"x"})))
    assert "leads out of the archive" in told


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    buffer = io.BytesIO(tar_of(FILES))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        entry = tarfile.TarInfo("top/link")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    path = put(tmp_path, "a.tar", buffer.getvalue())
    told = refused(path)
    assert "'top/link' is a link or a device" in told or "not a readable archive" in told


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, mode):
    entry = zipfile.ZipInfo("top/link")
    entry.external_attr = mode << 16
    buffer = io.BytesIO(zip_of(FILES))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "'top/link' is a link or a device" in refused(put(tmp_path, "a.zip", buffer.getvalue()))


def test_a_zip_that_blows_up_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_SMALL", 1 << 20)
    told = refused(put(tmp_path, "a.zip", zip_of({"top/a": bytes(20 << 20)})))
    assert "would become" in told and "valid: up to 50 times" in told


def lying_zip(content, claimed):
    """A zip whose one member says that it is `claimed` bytes long."""
    packed = bytearray(zip_of({"top/a": content}))
    for place in (22, packed.index(b"PK\x01\x02") + 24):  # its own header and the central directory
        packed[place : place + 4] = struct.pack("<I", claimed)
    return bytes(packed)


def test_a_zip_that_lies_about_its_sizes(tmp_path):
    assert "damaged in the archive" in refused(put(tmp_path, "a.zip", lying_zip(b"abc" * 999, 100)))
    assert "damaged in the archive" in refused(put(tmp_path, "b.zip", lying_zip(b"abc" * 999, 4000)))


def test_a_lying_zip_does_not_fill_the_memory(tmp_path):
    path = put(tmp_path, "a.zip", lying_zip(bytes(100 << 20), 100))
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from dynconv.data.archives import open_archive\n"
        "from dynconv.data.tree import Origin, read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_archive(Path(sys.argv[1]), 'top', Origin('a')) as tree:\n"
        "    try:\n"
        "        read(tree, 'a')\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    kind, grown = done.stdout.split()
    assert kind == "DynconvError" and int(grown) < 50


def test_a_tar_that_blows_up_stops_early(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_SMALL", 1 << 20)
    packed = gz(bytes(64 << 20))
    written = []
    check = archives._check_size
    monkeypatch.setattr(archives, "_check_size", lambda size, path: (written.append(size), check(size, path)))
    assert "would become" in refused(put(tmp_path, "a.tgz", packed))
    assert max(written) <= 50 * len(packed) + (2 << 20) < 32 << 20


def cut(content, part=0.6):
    return content[: int(len(content) * part)]


RANDOM = {f"top/{index}": random.Random(index).randbytes(3000) for index in range(20)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.zip", cut(zip_of(RANDOM))),
        ("cut.tar", cut(tar_of(RANDOM))),
        ("cut.tgz", cut(gz(tar_of(RANDOM)))),
        ("cut.tar.gz", gz(tar_of(RANDOM))[:-5]),
        ("cut.tar.bz2", cut(tar_of(RANDOM, "w:bz2"))),
        ("cut.tar.xz", cut(tar_of(RANDOM, "w:xz"))),
        *((f"empty.{kind}", b"") for kind in ("zip", "tar", "tgz", "tar.gz", "tar.bz2", "tar.xz")),
        *((f"page.{kind}", b"<html>no</html>" * 100) for kind in ("zip", "tar", "tgz", "tar.bz2", "tar.xz")),
        ("plain.tgz", tar_of(RANDOM)),
        ("deflate.tgz", gz(tar_of(RANDOM))[:2000] + b"\xff" * 3000),
        ("none.zip", zip_of({})),
        ("none.tar", tar_of({})),
        ("unknown", b"not an archive at all"),
        ("unknown.rar", b"Rar!"),
    ],
)
def test_what_is_cut_or_no_archive_is_refused(tmp_path, name, content):
    refused(put(tmp_path, name, content))


def test_a_tar_cut_between_two_members_is_refused(tmp_path):
    """Python's tarfile takes it for whole."""
    content = tar_of(RANDOM)
    path = put(tmp_path, "a.tar", content[: 10 * (512 + 3072)])
    with tarfile.open(path) as archive:
        assert len(archive.getnames()) == 10
    assert "truncated" in refused(path)


def test_a_tar_with_a_damaged_header_is_refused(tmp_path):
    content = bytearray(tar_of(RANDOM))
    content[10 * (512 + 3072)] ^= 255
    refused(put(tmp_path, "a.tar", bytes(content)))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_a_negative_size_does_not_run_for_ever(tmp_path, kind):
    entry = tarfile.TarInfo("top/a")
    entry.size, entry.type = -512, kind
    path = put(tmp_path, "a.tar", tar_of(FILES)[:512] + entry.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    code = (
        "import sys; from pathlib import Path\n"
        "from dynconv.data.archives import open_archive\n"
        "from dynconv.data.tree import Origin\n"
        "with open_archive(Path(sys.argv[1]), '', Origin('a')): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30)
    assert "DynconvError" in done.stderr.splitlines()[-1]


def test_a_flipped_bit_in_a_zip_is_found(tmp_path):
    content = bytearray(zip_of(RANDOM))
    content[content.index(b"PK\x03\x04", 9000) + 300] ^= 1
    assert "damaged in the archive" in refused(put(tmp_path, "a.zip", bytes(content)))


def test_a_compression_that_python_does_not_know(tmp_path):
    """Deflate64, as Windows writes into large zips."""
    content = bytearray(zip_of({"top/a": b"abc" * 99}))
    for place in (8, content.index(b"PK\x01\x02") + 10):
        content[place : place + 2] = struct.pack("<H", 9)
    assert "top/a: " in refused(put(tmp_path, "a.zip", bytes(content)))


def test_any_damage_ends_in_one_line(tmp_path):
    """Bytes changed at random: read as it was, or refused; never another exception."""
    draw = random.Random(0)
    whole = {"zip": zip_of(FILES), "tar": tar_of(FILES), "tgz": gz(tar_of(FILES)), "tar.xz": tar_of(FILES, "w:xz")}
    for kind, content in whole.items():
        for _ in range(150):
            damaged = bytearray(content)
            for _ in range(draw.choice([1, 1, 4, 30])):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            path = put(tmp_path, f"a.{kind}", bytes(damaged))
            try:
                with opened(path) as tree:
                    for folder in ("", *tree.folders()):
                        for name in tree.files(folder):
                            read(tree, name)
            except DynconvError as error:
                assert "\n" not in str(error)
            assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
            path.unlink()


def test_nothing_stays_of_an_unpacked_tar_whose_reader_is_killed(tmp_path):
    path = put(tmp_path, "a.tgz", gz(tar_of(FILES)))
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dynconv.data.archives import open_archive\n"
        "from dynconv.data.tree import Origin\n"
        "with open_archive(Path(sys.argv[1]), 'top', Origin('a')):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_while_unpacking(tmp_path):
    path = put(tmp_path, "a.tgz", gz(tar_of({"top/a": random.Random(0).randbytes(500_000)})))
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from dynconv.data.archives import open_archive\n"
        "from dynconv.data.tree import Origin\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "with open_archive(Path(sys.argv[1]), 'top', Origin('a')): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "DynconvError" in last and f"{path}: cannot be unpacked" in last and "size of files" in last
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["top", "top.zip", "top.tar.gz"])
def test_a_file_where_the_folder_should_be(tmp_path, name):
    put(tmp_path, name, b"precious")
    with pytest.raises(DynconvError, match="top"), published(tmp_path, "top"):
        pass
    assert (tmp_path / name).read_bytes() == b"precious"


def test_a_folder_with_an_archives_name_is_the_unpacked_folder_or_refused(tmp_path):
    (tmp_path / "top.zip").mkdir()
    with pytest.raises(DynconvError, match="top"), published(tmp_path, "top") as tree:
        read(tree, "a.txt")


def test_text_that_is_not_utf8(tmp_path):
    with (
        opened(put(tmp_path, "a.zip", zip_of({"top/a.txt": b"caf\xe9"}))) as tree,
        pytest.raises(DynconvError) as error,
    ):
        lines(tree, "a.txt")
    assert "a.zip:top/a.txt: not a text file" in str(error.value)
