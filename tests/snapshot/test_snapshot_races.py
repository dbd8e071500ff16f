"""Snapshots among runs that are made again, other snapshots, and kills."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from half_way import finish, row_of, rows, study_in

from dynconv.errors import DynconvError
from dynconv.snapshot.gather import gather
from dynconv.snapshot.place import MARK, replaced


def test_a_run_that_is_made_again_meanwhile_is_of_one_training_or_left_out(tmp_path):
    study = study_in(tmp_path)
    key = next(study.runs())
    finish(study, key)
    hashes = {(key.dataset, key.variant): {row_of(study, key)["run_hash"]}}
    over = threading.Event()

    def again():
        attempt = 1
        while not over.is_set():
            attempt += 1
            for file in Path(study.results, "runs", key.run_id).glob("*.parquet"):
                file.unlink()
            finish(study, key, attempt=attempt)

    writer = threading.Thread(target=again)
    writer.start()
    whole = 0
    try:
        for number in range(200):
            out = tmp_path / f"{number % 2}"
            found = gather(Path(study.results, "runs"), [key], hashes, lambda found: [], out / "tables")
            assert not found.damaged
            if found.status:
                whole += 1
                ((run,), (loss,)) = rows(out, "runs"), rows(out, "metrics")
                assert loss["value"] == run["attempt"] == rows(out, "predictions")[1]["prediction"]
            if whole >= 3 and number >= 30:
                break
    finally:
        over.set()
        writer.join()
    assert whole, "not once did it find the run"


def put(out, text):
    with replaced(out) as folder:
        (folder / MARK).write_text(text)


def test_the_old_one_stays_until_the_new_one_is_whole(tmp_path):
    out = tmp_path / "snapshot"
    put(out, "old")
    for error in (KeyboardInterrupt, DynconvError, OSError):
        with pytest.raises((KeyboardInterrupt, DynconvError)), replaced(out) as folder:
            (folder / MARK).write_text("new")
            assert (out / MARK).read_text() == "old"
            raise error("in the middle")
        assert (out / MARK).read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["snapshot"]
    put(out, "new")
    assert (out / MARK).read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["snapshot"]


KILLED = """
import os, signal, sys
from pathlib import Path
from dynconv.snapshot.place import replaced
with replaced(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_one_leaves_goes_and_what_a_live_one_makes_stays(tmp_path):
    out = tmp_path / "snapshot"
    put(out, "old")
    command = [sys.executable, "-c", KILLED, str(out)]
    killed, alive = (subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2))
    left, made = (Path(process.stdout.readline().decode().strip()) for process in (killed, alive))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (left / "half").exists() and (out / MARK).read_text() == "old"
    foreign = tmp_path / ".snapshot.another-node.7.part"  # of a machine whose processes are not seen from here
    foreign.mkdir()
    put(out, "new")
    assert not left.exists() and (made / "half").exists() and foreign.exists()
    os.utime(foreign, (0, 0))
    alive.send_signal(signal.SIGINT)
    alive.communicate()
    assert not made.exists() and (out / MARK).read_text() == "new"
    put(out, "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_killed_in_the_middle_of_the_swap(tmp_path):
    out = tmp_path / "snapshot"
    put(out, "old")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    import socket

    out.rename(tmp_path / f".snapshot.{socket.gethostname()}.{gone.pid}.old")
    with pytest.raises(KeyboardInterrupt), replaced(out):
        assert (out / MARK).read_text() == "old"
        raise KeyboardInterrupt
    assert (out / MARK).read_text() == "old"


def test_two_at_the_same_time(tmp_path):
    out = tmp_path / "snapshot"
    with replaced(out) as first:
        (first / MARK).write_text("first")
        code = (
            f"from pathlib import Path; from dynconv.snapshot.place import replaced\nwith replaced(Path({str(out)!r}))"
        )
        code += " as f: (f / 'snapshot.json').write_text('second')"
        subprocess.run([sys.executable, "-c", code], check=True)
        assert (out / MARK).read_text() == "second"
    assert (out / MARK).read_text() == "first" and [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_what_is_no_snapshot_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    says = "valid: a new folder, an empty one or an earlier snapshot"
    for name, what in (("mine", "holds something else than a snapshot"), ("file", "is a file")):
        with pytest.raises(DynconvError, match=f"{what}; {says}"):
            put(tmp_path / name, "new")
    assert (tmp_path / "mine/thesis.tex").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    put(tmp_path / "empty", "new")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    put(tmp_path / "link", "newer")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty" / MARK).read_text() == "newer"
