"""Downloads against a real server that behaves badly: continued, verified, and refused in one line."""

import gzip
import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from http_server import Server
from published_files import zip_of

from dynconv.data import fetch as fetch_module
from dynconv.data import transfer
from dynconv.data.fetch import fetch
from dynconv.data.remote import Remote
from dynconv.errors import DynconvError

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
HTML = b"<!DOCTYPE html><html><body>Moved, sorry.</body></html>"


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def failure(raw, *remotes):
    with pytest.raises(DynconvError) as error:
        fetch(remotes, raw)
    assert "\n" not in str(error.value)
    return str(error.value)


def starts(server):
    """Where each answer was asked to begin."""
    return [int(one.range[6:-1] or 0) if one.range else 0 for one in server.seen]


def test_a_file_arrives_whole_and_alone(server, raw):
    fetch([Remote((server.add("a.zip", CONTENT),), MD5, len(CONTENT))], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    assert names(raw) == ["a.zip"]
    fetch([Remote((f"{server.url}/a.zip",), MD5)], raw)
    assert len(server.seen) == 1  # what is there is not asked for


@pytest.mark.parametrize("kind", [hashlib.sha256, hashlib.md5])
def test_a_wrong_checksum_is_refused(server, raw, kind):
    url = server.add("a.zip", CONTENT)
    told = failure(raw, Remote((url,), kind(b"another").hexdigest()))
    assert f"{url}: its {kind().name} is {kind(CONTENT).hexdigest()}" in told and str(raw) in told
    assert names(raw) == []


def test_a_wrong_size_is_refused(server, raw):
    told = failure(raw, Remote((server.add("a.zip", CONTENT),), MD5, 7))
    assert "has 300000 bytes, the published file 7" in told
    assert names(raw) == []


def test_a_connection_that_breaks_is_continued_where_it_was(server, raw):
    url = server.add("a.zip", CONTENT, stops_after=100_000, stops=2)
    fetch([Remote((url,), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    assert len(server.seen) == 3 and server.seen[0].range == ""
    assert starts(server)[1] > 80_000 and starts(server)[2] > 160_000
    assert server.sent < 1.2 * len(CONTENT)
    assert names(raw) == ["a.zip"]


@pytest.mark.parametrize("etag", [True, False])
def test_a_server_that_stops_for_good_leaves_a_part_that_the_next_call_continues(server, raw, etag):
    url = server.add("a.zip", CONTENT, stops_after=100_000, stops=1, etag=etag)
    stop_for_good_after_the_first(server)
    told = failure(raw, Remote((url,), MD5))
    assert url in told and "503" in told
    assert names(raw) == ["a.zip.part", "a.zip.part.json"]
    had = (raw / "a.zip.part").stat().st_size
    assert 80_000 < had <= 100_000

    server.seen.clear()
    server.add("a.zip", CONTENT, etag=etag)
    fetch([Remote((url,), MD5)], raw)
    assert [(one.range, one.status) for one in server.seen] == [(f"bytes={had}-", 206)]
    assert server.sent == len(CONTENT) - had
    assert (raw / "a.zip").read_bytes() == CONTENT and names(raw) == ["a.zip"]


def stop_for_good_after_the_first(server):
    """The first answer is as declared, and all that follow are 503, until the file is declared anew."""
    file = server.files["a.zip"]
    file.status, file.well = 503, 1


def test_a_server_that_always_stops_early_is_given_up(server, raw):
    told = failure(raw, Remote((server.add("a.zip", CONTENT, stops_after=0),), MD5))
    assert "a.zip" in told
    assert len(server.seen) == transfer._TRIES


def test_a_part_is_not_continued_with_another_file(server, raw):
    url = server.add("a.zip", b"old" * 100_000, stops_after=100_000, stops=1)
    stop_for_good_after_the_first(server)
    failure(raw, Remote((url,), MD5))
    server.add("a.zip", CONTENT)
    server.seen.clear()
    fetch([Remote((url,), MD5)], raw)
    assert [one.status for one in server.seen] == [200] and starts(server)[0] > 80_000
    assert (raw / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("checksum", [MD5, ""])
def test_a_server_that_ignores_what_the_part_is_of_is_found_out(server, raw, checksum, monkeypatch):
    """It answers a range of another file; without a checksum nothing else would show it."""
    monkeypatch.setattr(fetch_module, "_check_kind", lambda *_: None)
    url = server.add("a.bin", b"old" * 100_000, stops_after=100_000, stops=1)
    server.files["a.bin"].status, server.files["a.bin"].well = 503, 1
    failure(raw, Remote((url,), checksum))
    server.add("a.bin", CONTENT, careless=True)
    fetch([Remote((url,), checksum)], raw)
    assert (raw / "a.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(server, raw):
    url = server.add("a.zip", CONTENT, ranges=False, stops_after=100_000, stops=1)
    fetch([Remote((url,), MD5)], raw)
    assert [one.status for one in server.seen] == [200, 200]
    assert (raw / "a.zip").read_bytes() == CONTENT


def test_a_part_that_was_spoilt_is_fetched_again(server, raw):
    url = server.add("a.zip", CONTENT, stops_after=100_000, stops=1)
    stop_for_good_after_the_first(server)
    failure(raw, Remote((url,), MD5))
    (raw / "a.zip.part").write_bytes(b"x" * 90_000)
    server.add("a.zip", CONTENT)
    fetch([Remote((url,), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT and names(raw) == ["a.zip"]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_has_it_all_or_more_is_no_dead_end(server, raw, chunked, size):
    """Killed between the last byte and the check: there is nothing left to ask for."""
    url = server.add("a.zip", CONTENT, chunked=chunked, stops_after=100_000, stops=1)
    stop_for_good_after_the_first(server)
    with pytest.raises(DynconvError):
        fetch([Remote((url,), MD5)], raw)
    (raw / "a.zip.part").write_bytes((CONTENT + b"12345")[:size])
    server.add("a.zip", CONTENT, chunked=chunked)
    fetch([Remote((url,), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT and names(raw) == ["a.zip"]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_tgz_that_the_server_calls_encoded_stays_as_it_is(server, raw, encoding):
    """As Apache does for .tgz; the published checksum is of the file, not of what is in it."""
    content = gzip.compress(CONTENT)
    url = server.add("a.tgz", content, encoding=encoding, stops_after=100_000, stops=1)
    fetch([Remote((url,), hashlib.md5(content).hexdigest())], raw)
    assert (raw / "a.tgz").read_bytes() == content


def test_a_wrong_content_length(server, raw):
    told = failure(raw, Remote((server.add("a.zip", CONTENT, length=100),), MD5))
    assert "its md5 is" in told
    told = failure(raw, Remote((server.add("b.zip", CONTENT[:50], length=100),), MD5))
    assert "b.zip" in told
    assert not (raw / "a.zip").exists() and not (raw / "b.zip").exists()


def test_refusals_are_told_at_once_and_trouble_is_tried_again(server, raw):
    told = failure(raw, Remote((f"{server.url}/none.zip",), MD5))
    assert f"{server.url}/none.zip: 404" in told and len(server.seen) == 1
    server.add("a.zip", CONTENT, status=500, refusals=1)
    fetch([Remote((f"{server.url}/a.zip",), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    told = failure(raw, Remote((server.add("b.zip", CONTENT, status=500),), MD5))
    assert told.count(f"{server.url}/b.zip") == 1 and "500" in told
    assert names(raw) == ["a.zip"]


@pytest.mark.parametrize(("asked", "pause"), [("7", 7), ("9999", 60), ("Wed, 01 Jan 2020 00:00:00 GMT", 0), ("", 0)])
def test_a_busy_server_is_given_the_pause_that_it_asks_for(server, raw, monkeypatch, asked, pause):
    pauses = []
    monkeypatch.setattr(transfer, "time", SimpleNamespace(sleep=pauses.append))
    fetch([Remote((server.add("a.zip", CONTENT, status=429, refusals=2, retry_after=asked),), MD5)], raw)
    assert pauses == [pause, pause]


def test_redirects_are_followed_but_not_for_ever(server, raw):
    server.add("real.zip", CONTENT)
    fetch([Remote((server.add("a.zip", b"", status=302, location="/real.zip"),), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    told = failure(raw, Remote((server.add("loop.zip", b"", status=302, location="/loop.zip"),), MD5))
    assert "redirects" in told
    assert names(raw) == ["a.zip"]


def test_nobody_listens_and_no_such_host(server, raw):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "Connection refused" in failure(raw, Remote((f"http://127.0.0.1:{port}/a.zip",)))
    told = failure(raw, Remote(("http://no-such-host.invalid/a.zip",)))
    assert "no-such-host.invalid" in told and "0x" not in told  # no object's address
    assert names(raw) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz", "a.tar.gz", "GunPoint_TRAIN.ts"])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_in_the_place_of_a_file_without_checksum_is_not_kept(server, raw, name, kind):
    url = server.add(name, HTML, kind=kind)
    assert f"{url}: " in failure(raw, Remote((url,)))
    assert names(raw) == []


def test_a_web_page_does_not_cost_what_has_come(server, raw):
    """The sign-in page of a network, say: the part is still there for later."""
    url = server.add("a.zip", CONTENT, stops_after=100_000, stops=1)
    stop_for_good_after_the_first(server)
    failure(raw, Remote((url,), MD5))
    server.add("a.zip", HTML, kind="text/html")
    assert "web page" in failure(raw, Remote((url,), MD5))
    assert (raw / "a.zip.part").stat().st_size > 80_000


@pytest.mark.parametrize("name", ["a.zip", "a_TRAIN.ts"])
def test_an_empty_or_cut_file_without_checksum_is_not_kept(server, raw, name):
    failure(raw, Remote((server.add(name, b""),)))
    content = zip_of({"x": b"y" * 999}) if name.endswith("zip") else b"@problemName a\n"
    failure(raw, Remote((server.add(name, content[:-10], chunked=True),)))
    assert names(raw) == []


def test_the_next_source_is_asked_and_all_answers_are_told(server, raw, monkeypatch):
    good, bad = server.add("good/a.zip", CONTENT), server.add("bad/a.zip", b"other")
    told = failure(raw, Remote((f"{server.url}/none/a.zip", bad), MD5))
    assert "none/a.zip: 404" in told and "bad/a.zip: its md5" in told
    fetch([Remote((f"{server.url}/none/a.zip", bad, good), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    (raw / "a.zip").unlink()
    server.seen.clear()
    monkeypatch.setenv(fetch_module.MIRROR, f"{server.url}/none {server.url}/good/")
    fetch([Remote((bad,), MD5)], raw)
    assert [one.path for one in server.seen] == ["/none/a.zip", "/good/a.zip"]


def test_what_one_source_began_the_next_one_ends(server, raw):
    """http and https of one server, or a mirror that keeps the dates."""
    first = server.add("first/a.zip", CONTENT, stops_after=100_000, status=503, well=1)
    second = server.add("second/a.zip", CONTENT)
    fetch([Remote((first, second), MD5)], raw)
    assert server.sent < 1.1 * len(CONTENT)
    assert (raw / "a.zip").read_bytes() == CONTENT


def test_a_proxy_of_the_environment_is_used_and_no_proxy_respected(server, raw, monkeypatch):
    server.add("a.zip", CONTENT)
    server.add("b.zip", CONTENT)
    monkeypatch.setenv("http_proxy", server.url)
    fetch([Remote(("http://example.invalid/a.zip",), MD5)], raw)
    assert server.seen[0].path == "http://example.invalid/a.zip"
    with Server() as other:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        fetch([Remote((other.add("b.zip", CONTENT),), MD5)], raw)
        assert other.seen[0].path == "/b.zip"
    assert len(server.seen) == 1


def test_two_at_once_fetch_a_file_once(server, raw):
    server.add("a.zip", CONTENT, pieces=5, pause_s=0.02)
    remote = Remote((f"{server.url}/a.zip",), MD5)
    threads = [threading.Thread(target=fetch, args=([remote], raw)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.sent == len(CONTENT) and names(raw) == ["a.zip"]


def test_without_locks_nothing_is_left_behind(server, raw, monkeypatch):
    import contextlib

    monkeypatch.setattr(fetch_module, "exclusive", lambda path: contextlib.nullcontext(False))
    failure(raw, Remote((server.add("a.zip", CONTENT, stops_after=0),), MD5))
    assert names(raw) == []
    server.add("a.zip", CONTENT)
    fetch([Remote((f"{server.url}/a.zip",), MD5)], raw)
    assert names(raw) == ["a.zip"]


def test_one_bad_file_does_not_lose_the_others(server, raw):
    server.add("a.zip", CONTENT)
    told = failure(raw, Remote((f"{server.url}/none.zip",)), Remote((f"{server.url}/a.zip",), MD5))
    assert told.startswith("none.zip: not fetched")
    assert names(raw) == ["a.zip"]


def test_a_full_disk_is_told_and_continued(server, raw):
    url = server.add("a.zip", CONTENT)
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from dynconv.data.fetch import fetch\n"
        "from dynconv.data.remote import Remote\n"
        "from dynconv.errors import DynconvError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    fetch([Remote((sys.argv[1],), sys.argv[2])], Path(sys.argv[3]))\n"
        "except DynconvError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, url, MD5, str(raw)], capture_output=True, text=True)
    assert done.stdout == f"{raw}: cannot write: a limit on the size of files is reached\n", done.stderr
    assert names(raw) == ["a.zip.part", "a.zip.part.json"]
    server.seen.clear()
    fetch([Remote((url,), MD5)], raw)
    assert (raw / "a.zip").read_bytes() == CONTENT
    assert [one.status for one in server.seen] == [206]


def test_a_file_where_the_folder_should_be(server, tmp_path):
    (tmp_path / "raw").write_text("precious")
    assert f"{tmp_path / 'raw'}: cannot write: " in failure(tmp_path / "raw", Remote((server.add("a.zip", CONTENT),)))
    assert (tmp_path / "raw").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(server, raw):
    raw.mkdir(mode=0o500)
    assert f"{raw}: cannot write: permission denied" in failure(raw, Remote((server.add("a.zip", CONTENT),)))
