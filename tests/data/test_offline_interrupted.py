"""Killed, interrupted or run twice at once: the same command ends well, and nothing partial passes for whole."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from published_files import tiny_imagenet_entries, zip_of

from dynconv import cli
from dynconv.data import open_store, ts_archive
from dynconv.data import prepare as prepare_module
from dynconv.data.fetch import MIRROR
from dynconv.data.prepare import _tidy, prepare
from dynconv.errors import DynconvError

NAME, ZIP = "tiny_imagenet", "tiny-imagenet-200.zip"
ALL = [f"_raw/{NAME}/{ZIP}"]
ALL += [f"{NAME}/{name}" for name in ("meta.json", "test_x.npy", "test_y.npy", "train_x.npy", "train_y.npy")]

PREPARE = """
import dataclasses, os, signal, sys
from pathlib import Path
from dynconv.data.datasets import tiny_imagenet
from dynconv.data.prepare import prepare
url, checksum, data, *force = sys.argv[1:]
tiny_imagenet.ARCHIVE = dataclasses.replace(tiny_imagenet.ARCHIVE, urls=(url,), checksum=checksum)
def die(): os.kill(os.getpid(), signal.SIGKILL)
"""
CALL = "prepare('tiny_imagenet', Path(data), force=bool(force))\n"
DIE_CONVERTING = """
def cut(make, items, own=tiny_imagenet.in_order):
    for index, made in enumerate(own(make, items)):
        if index == 5: die()
        yield made
tiny_imagenet.in_order = cut
"""
DIE_PUBLISHING = """
def replace(source, target, own=os.replace):
    if Path(target) == Path(data, 'tiny_imagenet'): die()
    own(source, target)
os.replace = replace
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    entries = tiny_imagenet_entries(tmp_path_factory.mktemp("published"))
    entries["tiny-imagenet-200/test/images/test_3.JPEG"] = random.Random(0).randbytes(200_000)  # not read
    return zip_of(entries)


def start(url, content, data, *force, extra=""):
    arguments = [url, hashlib.md5(content).hexdigest(), str(data), *force]
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE + extra + CALL, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )


def heed_ctrl_c():
    """A test run in the background ignores SIGINT, and its children would."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended(process):
    _, told = process.communicate(timeout=60)
    return process.returncode, told


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_while_it_downloads(server, content, tmp_path, sign):
    url = server.add(ZIP, content, pieces=200, fast=50_000, pause_s=0.05)
    process = start(url, content, tmp_path)
    part = tmp_path / "_raw" / NAME / f"{ZIP}.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 16_000)
    process.send_signal(sign)
    assert ended(process)[0] != 0
    assert server.sent < len(content)  # it did not wait for the end
    assert not (tmp_path / NAME).exists() and not (tmp_path / "_raw" / NAME / ZIP).exists()
    had = part.stat().st_size
    server.seen.clear()
    server.add(ZIP, content)
    assert ended(start(url, content, tmp_path))[0] == 0
    assert [one.range for one in server.seen] == [f"bytes={had}-"]
    assert files(tmp_path) == ALL


def test_killed_while_it_converts_and_while_it_publishes(server, content, tmp_path):
    url = server.add(ZIP, content)
    assert ended(start(url, content, tmp_path, extra=DIE_CONVERTING))[0] == -signal.SIGKILL
    assert any(".part/" in name for name in files(tmp_path)) and not (tmp_path / NAME).exists()
    with pytest.raises(DynconvError):
        open_store(tmp_path / NAME, NAME)
    assert ended(start(url, content, tmp_path))[0] == 0
    assert files(tmp_path) == ALL and server.sent == len(content)
    before = open_store(tmp_path / NAME, NAME).meta

    # Made anew, and killed where the old store is out of the way and the new one not yet there.
    assert ended(start(url, content, tmp_path, "force", extra=DIE_PUBLISHING))[0] == -signal.SIGKILL
    assert not (tmp_path / NAME).exists()
    (tmp_path / "_raw" / NAME / ZIP).write_bytes(b"spoilt: it could not be made again")
    assert ended(start(url, content, tmp_path))[0] == 0
    assert open_store(tmp_path / NAME, NAME).meta == before
    assert files(tmp_path) == ALL


def test_two_at_once_download_and_convert_once(server, content, tmp_path):
    url = server.add(ZIP, content, pieces=10, pause_s=0.1)
    both = [start(url, content, tmp_path) for _ in range(2)]
    assert [ended(process)[0] for process in both] == [0, 0]
    assert server.sent == len(content)
    assert files(tmp_path) == ALL
    open_store(tmp_path / NAME, NAME)


def test_a_whole_store_needs_no_lock(monkeypatch, tmp_path):
    """It may lie where this user cannot write."""
    meta = prepare("digits", tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(prepare_module, "exclusive", refuse)
    assert prepare("digits", tmp_path) == meta
    with pytest.raises(DynconvError, match=r"digits: cannot be prepared: .*Permission denied"):
        prepare("digits", tmp_path, force=True)


def test_two_of_one_family_at_once_by_the_command_line(server, tmp_path):
    names = ["Beef", "Coffee"]
    for name in names:
        raw = tmp_path / "toys" / name
        ts_archive.toy(raw, name, "GunPoint", 28)  # 28 is near enough to 30
        server.add(f"{name}.zip", zip_of({path.name: path.read_bytes() for path in (raw / name).iterdir()}))
    environment = {**os.environ, MIRROR: server.url}
    data = tmp_path / "data"
    words = [sys.executable, "-m", "dynconv.cli", "prepare"]
    both = [
        subprocess.Popen(
            [*words, f"ucr/{name}", "--data", str(data)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [
        str(data / "ucr" / name / "meta.json") for name in names
    ]
    assert sorted(path.name for path in (data / "_raw" / "ucr").iterdir()) == ["Beef.zip", "Coffee.zip"]
    assert sorted(path.name for path in (data / "ucr").iterdir()) == names


@pytest.mark.parametrize("damage", ["a web page", "a stop half-way"])
def test_the_command_line_tells_one_line(server, monkeypatch, capsys, tmp_path, damage):
    for place in ("_SITE", "_ZENODO"):
        monkeypatch.setattr(ts_archive, place, server.url)
    server.add("Beef.zip", b"<html>Sorry</html>" * 9999, stops_after=None if damage == "a web page" else 0)
    assert cli.main(["prepare", "ucr/Beef", "--data", str(tmp_path)]) == 2
    out, told = capsys.readouterr()
    errors = [line for line in told.splitlines() if "error" in line or "Traceback" in line]
    assert out == "" and len(errors) == 1
    assert errors[0].startswith(f"dynconv prepare: error: Beef.zip: not fetched: {server.url}/Beef.zip: ")
    assert "Beef_TRAIN.ts: 404" in errors[0]


def test_what_a_killed_prepare_of_a_name_alike_has_left_stays(tmp_path):
    """`pets.v2` is another dataset than `pets`, whose name its leftovers begin with."""
    folder = tmp_path / "pets"
    others = [tmp_path / f".pets.v2.0123456789ab.{end}" for end in ("part", "old")]
    own = tmp_path / ".pets.0123456789ab.part"
    for path in (*others, own):
        path.mkdir()
    _tidy(folder)
    assert all(path.is_dir() for path in others) and not own.exists() and not folder.exists()
