"""Long-running programs in a folder: started, recognised again, and ended for certain."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 60) -> T:
    """Call `condition` until it returns something true, and return that. Raises TimeoutError naming `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)


def free_ports(count: int) -> range:
    """`count` neighbouring TCP ports that nobody uses, below those that the kernel gives to outgoing connections."""
    for _ in range(1000):
        first = random.SystemRandom().randrange(10000, 32000 - count)
        ports = range(first, first + count)
        if all(_is_free(port) for port in ports):
            return ports
    raise OSError(f"found no {count} free ports between 10000 and 32000")


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind(("", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def started_at(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None if it has ended (a zombie has). With the pid it is unique."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def holding(marker: str) -> list[int]:
    """Processes in whose mount namespace something named `marker` is mounted: a node's, whatever they became."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (folder / "mountinfo").read_text(encoding="utf-8", errors="replace"):
                found.append(int(folder.name))
    return [pid for pid in found if started_at(pid)]


def kill_all(find: Callable[[], Iterable[int]]) -> None:
    """SIGKILL what `find` lists until it lists nothing: a process may fork while we look."""

    def none_left() -> bool:
        pids = list(find())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    wait_until(none_left, "killed processes to go", 30)


class Daemon:
    """One program in the foreground of its own session, its output and its pid in files."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.pid_file = folder / "pid" / name
        self.log = folder / "log" / f"{name}.out"
        self._child: subprocess.Popen | None = None

    def start(self, *words: str | Path, env: dict[str, str] | None = None) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid_file.write_text(f"{self._child.pid} {started_at(self._child.pid)}\n", encoding="utf-8")

    @property
    def pid(self) -> int | None:
        """The process, also one that another Python started; None if it has ended, or never was."""
        with contextlib.suppress(OSError, ValueError):
            pid, start = self.pid_file.read_text(encoding="utf-8").split()
            if started_at(int(pid)) == start:
                return int(pid)
        return None

    def send(self, number: int) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait_ready(self, ready: Callable[[], T], seconds: float = 30) -> T:
        """Wait for `ready`; raises RuntimeError with the end of the log when the program ends instead."""

        def ready_or_dead() -> T | bool:
            return ready() or self.pid is None

        wait_until(ready_or_dead, f"{self.name} to be ready (see {self.log})", seconds)
        value = ready()
        if not value:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended while starting; the end of its output:\n{tail}")
        return value

    def end(self, number: int = signal.SIGKILL) -> None:
        """Signal it, wait until it is gone (SIGKILL after 10 s), and reap it if it is our child."""
        self.send(number)
        self.send(signal.SIGCONT)  # a frozen one acts on no other signal than SIGKILL
        try:
            wait_until(lambda: self.pid is None, f"{self.name} to end", 10)
        except TimeoutError:
            self.send(signal.SIGKILL)
            wait_until(lambda: self.pid is None, f"{self.name} to end", 10)
        if self._child is not None:
            self._child.wait()
            self._child = None
        self.pid_file.unlink(missing_ok=True)
