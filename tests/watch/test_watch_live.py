"""`dynconv list runs` in a real pseudo-terminal, while the executor's account says that jobs are live."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pytest
from half_way import die, finish, report_jobs, study_in, submit

from dynconv.watch.look import Watcher

LEAVE, ENTER = "\x1b[?1049l", "\x1b[?1049h"
SECONDS = 60  # after which a picture is taken for lost


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, folder, *words, size=(80, 24), **environment):
        self.text = ""
        self.code = None
        self.process, self.handle = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            self.resize(*size, handle=0)
            environment = os.environ | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | environment
            for name in ("COLUMNS", "LINES"):  # of the terminal that the tests run in
                environment.pop(name, None)
            command = [sys.executable, "-m", "dynconv.cli", "list", "runs", *map(str, words)]
            # Not execv: readline, which pytest imports, sets both again where os.environ does not see it.
            os.execve(sys.executable, command, environment)

    def resize(self, width, height, handle=None):
        """As a window manager does: the kernel tells the process by SIGWINCH."""
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.handle if handle is None else handle, termios.TIOCSWINSZ, size)

    def read(self, until):
        """What was written since, up to and with a text that matches, without colours."""
        start, deadline = len(self.text), time.monotonic() + SECONDS
        while not re.search(until, self.shown(start)):
            assert time.monotonic() < deadline, f"no {until!r} in {self.shown(start)[-5000:]!r}"
            if select.select([self.handle], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.handle, 1 << 16).decode("utf-8", "replace")
                except OSError:  # it has ended
                    assert re.search(until, self.shown(start)), f"no {until!r} before the end in {self.shown(start)!r}"
        return self.shown(start)

    def shown(self, start=0):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.text[start:])

    def end(self):
        """Everything that is still to come, and the exit code."""
        start = len(self.text)
        while True:
            try:
                data = os.read(self.handle, 1 << 16)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode("utf-8", "replace")
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self.handle)
        return self.shown(start)


@pytest.fixture
def folder(tmp_path):
    """Eight runs: one ok, one died, one runs, one waits, four are missing."""
    study = study_in(tmp_path)
    keys = list(study.runs())
    finish(study, keys[0])
    die(study, keys[1], "OUT_OF_MEMORY: \x1b[2J<b>")
    submit(tmp_path, [keys[2], keys[3]])
    log = tmp_path / "logs/train" / f"{keys[2].run_id}.log"
    log.parent.mkdir(parents=True)
    log.write_text("starting\nepoch 3/5  loss 0.5\n\n")
    return tmp_path


def test_it_refreshes_and_ends_by_itself(folder):
    terminal = Terminal(folder, "--study", "study.yaml", "--every", "0.2")
    first = terminal.read("Ctrl-C ends")
    assert ENTER in first and "1 of 8 runs ok · 1 running · 1 queued · 1 died · 4 missing" in first
    assert "epoch 3/5 loss 0.5" in first and "OUT_OF_MEMORY: [2J<b>" in first and "no comparison yet" in first
    assert "■✗" in first and "▶·" in first and "88_0" in first and "n7" in first and "jobs: 1 with a GPU" in first
    terminal.resize(60, 12)
    assert "jobs: 1 with a GPU" in terminal.read(r"finished {10,}\r\njobs")  # on a line of its own now
    study = study_in(folder)
    finish(study, list(study.runs())[4])
    assert "2 of 8 runs ok" in terminal.read("2 of 8 runs ok")
    report_jobs(folder)
    last = terminal.end().split(LEAVE)
    assert terminal.code == 0 and len(last) == 2
    assert "2 of 8 runs ok · 1 died · 5 missing" in last[1] and "no job runs" in last[1] and "Ctrl-C" not in last[1]
    assert max(len(line.rstrip()) for line in last[1].splitlines()) <= 60


def test_ctrl_c_ends_the_picture_and_leaves_its_last_state(folder):
    terminal = Terminal(folder, "--study", "study.yaml", size=(200, 50), NO_COLOR="1", PYTHONIOENCODING="ascii")
    first = terminal.read("Ctrl-C ends")
    assert "1 of 8 runs ok, 1 running, 1 queued" in first and first.split(ENTER)[1].isascii()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", terminal.text), "a colour, in spite of NO_COLOR"
    os.write(terminal.handle, b"\x03")
    rest = terminal.end()
    assert terminal.code == 0 and "1 of 8 runs ok, 1 running" in rest.split(LEAVE)[1] and "Traceback" not in rest


@pytest.mark.parametrize("how", ["--once", "no job", "dumb"])
def test_the_plain_list_in_a_terminal(folder, how):
    if how == "no job":
        report_jobs(folder)
    words = ["--once"] if how == "--once" else []
    terminal = Terminal(folder, "--study", "study.yaml", *words, **({"TERM": "dumb"} if how == "dumb" else {}))
    text = terminal.end()
    assert terminal.code == 0 and ENTER not in text and "log or cause" in text and "1 of 8 runs ok" in text


def test_a_killed_terminal_is_no_traceback(folder):
    terminal = Terminal(folder, "--study", "study.yaml", "--every", "0.2")
    terminal.read("Ctrl-C ends")
    os.kill(terminal.process, signal.SIGTERM)
    assert "Traceback" not in terminal.end()


def test_what_is_known_is_not_read_again_and_what_is_deleted_is_noticed(tmp_path):
    study = study_in(tmp_path, seeds=30)
    keys = list(study.runs())
    for key in keys[:50]:
        finish(study, key)
    watcher = Watcher(study, tmp_path / "results", tmp_path)

    def ok():
        return sum(line.state == "ok" for line in watcher.look().lines)

    assert ok() == 50
    # Contents are read once: a finished run whose bytes nobody looks at again may be anything.
    file = tmp_path / "results/runs" / keys[0].run_id / "run.parquet"
    times = file.stat()
    file.write_bytes(b"no table")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    finish(study, keys[50])
    assert ok() == 51
    (tmp_path / "results/runs" / keys[7].run_id / "run.parquet").unlink()
    assert [ok() for _ in range(20)][-1] == 50
    finish(study, keys[0])
    submit(tmp_path, [keys[8]])  # a run with a job is looked at every time
    (tmp_path / "results/runs" / keys[8].run_id / "run.parquet").unlink()
    picture = watcher.look()
    assert {line.run: line.state for line in picture.lines}[keys[8].run_id] == "running" and picture.live
    assert picture.jobs == (1, 0)
    # Without a study: what the folder knows of.
    assert len(Watcher(None, tmp_path / "results", tmp_path / "elsewhere").look().lines) == 49
