"""`dynconv warm`: a process that imports what training, tuning and drawing need once, and forks for every run.

It beats importing torch anew for each of a pack's short runs.  A run is a process of its own, with its own log,
environment and end.  The other side, and the protocol, are in `dynconv/warm_client.py`.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any

from dynconv import job
from dynconv.errors import DynconvError
from dynconv.warm_child import Main, become, run
from dynconv.warm_client import FORWARDED, LENGTH, STARTED, STATUS, identity, peer_uid
from dynconv.warm_pages import populate, resident_files

_MODULES = (
    *("dynconv.engine.run", "dynconv.engine.trial", "dynconv.engine.profile"),
    *("dynconv.data.augment_images", "dynconv.data.augment_series"),
    *("dynconv.engine.samples", "dynconv.report.contact_sheet", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"),
    *("dynconv.models.segmentation", "dynconv.tasks.classification", "dynconv.tasks.segmentation"),
    *("pandas", "pyarrow.dataset", "numpy.random"),  # pyarrow imports them at its first conversion
)
# Libraries that would start threads as soon as they are imported; a fork must find one thread only.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_PATIENCE_S = 10.0  # for a client to send its request


def serve(main: Main) -> None:
    """Listen on the Unix socket of `job.helper()` until standard input and the last run end; `main` runs a command.

    Raises:
        DynconvError: no socket is named, it is there already or not private, or the imports have started threads.
    """
    path = job.helper()
    if path is None:
        raise DynconvError("SNAKEMAKE_SUBMITIT_HELPER is not set; valid: the path of the Unix socket to listen on")
    stamp = _stamp()
    listener = _listen(path)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm may send it to every process of the job
    start = time.perf_counter()
    os.environ |= _ENVIRONMENT
    for name in _MODULES:
        importlib.import_module(name)
    if threads := len(list(Path("/proc/self/task").iterdir())) - 1:
        raise DynconvError(f"{threads} threads run after the imports: forking would not be safe")
    gc.collect()
    gc.freeze()  # the runs share these pages: no collection shall touch them
    print(f"dynconv warm: ready on {path} after {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    _Server(path, listener, stamp, main).run()


def _listen(path: str) -> socket.socket:
    folder = Path(path).parent
    try:
        info = folder.stat()
        if info.st_uid != os.getuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise DynconvError(f"{folder}: others may write here; valid: a folder of yours with mode 0700")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        umask = os.umask(0o177)
        try:
            listener.bind(f"{path}.new")
        finally:
            os.umask(umask)
        listener.listen(128)
        try:
            os.link(f"{path}.new", path)  # a socket that is there can be connected to: clients wait in its queue
        finally:
            Path(f"{path}.new").unlink()
    except OSError as error:
        raise DynconvError(f"{path}: cannot listen here: {error.strerror or error}") from None
    return listener


def _stamp() -> int:
    """Time of the last change of this package's source."""
    return max(file.stat().st_mtime_ns for file in Path(__file__).parent.rglob("*.py"))


class _Server:
    def __init__(self, path: str, listener: socket.socket, stamp: int, main: Main):
        self.path, self.listener, self.stamp, self.main = path, listener, stamp, main
        self.runs: dict[int, socket.socket] = {}  # the connection of each run's client, by its process id
        self.closing = False
        self.pages = resident_files()
        self.selector = selectors.PollSelector()
        self.wake, self.wake_write = os.pipe()
        for end in (self.wake, self.wake_write):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Serve until nobody will come any more and all runs have ended."""
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # the runs deal with theirs themselves
            signal.signal(number, self._close)
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(0, selectors.EVENT_READ)
        while not self.closing or self.runs:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj == self.wake:
                    os.read(self.wake, 4096)
                elif key.fileobj == 0:
                    if not os.read(0, 4096):
                        self.selector.unregister(0)
                        self.closing = True
                else:
                    self._hear(key.data)
            self._reap()
            if self.closing and self.listener.fileno() >= 0:
                self.selector.unregister(self.listener)
                self.listener.close()  # who waits there runs its command itself
                Path(self.path).unlink(missing_ok=True)

    def _close(self, number: int, frame) -> None:
        self.closing = True

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        descriptors: list[int] = []
        try:
            connection.settimeout(_PATIENCE_S)
            if peer_uid(connection) != os.getuid():
                raise PermissionError
            request = _receive(connection, descriptors)
            if request["identity"] != identity() or _stamp() != self.stamp:
                raise ValueError  # another Python, or the code has changed: it would not be the same run
        except (OSError, ValueError, KeyError):
            connection.close()
        else:
            self._fork(connection, request, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, connection: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        server, numbers = os.getpid(), (*FORWARDED, signal.SIGCHLD)
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        pid = os.fork()
        if pid == 0:
            try:
                for other in (self.listener, *self.runs.values()):
                    other.close()
                for descriptor in (self.wake, self.wake_write):
                    os.close(descriptor)
                populate(self.pages)
                become(server, request, descriptors)
                connection.sendall(STARTED)
                run(self.main, request["argv"])
            finally:
                os._exit(1)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # here and there: whichever comes first
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        connection.setblocking(False)
        self.runs[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, pid)

    def _hear(self, pid: int) -> None:
        """A signal to pass on, or the end of the client: then the run ends, too."""
        try:
            numbers = self.runs[pid].recv(64)
        except BlockingIOError:
            return
        except OSError:
            numbers = b""
        for number in numbers:
            if number in FORWARDED:
                os.kill(pid, number)
        if not numbers:
            self.selector.unregister(self.runs[pid])
            os.killpg(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid, connection in list(self.runs.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.runs[pid]
            if connection in self.selector.get_map():
                self.selector.unregister(connection)
            with contextlib.suppress(OSError):  # its client may be gone
                connection.sendall(STATUS.pack(status))
            connection.close()


def _receive(connection: socket.socket, descriptors: list[int]) -> dict[str, Any]:
    head, received, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
    descriptors += received
    if len(head) < LENGTH.size or len(received) != 3:
        raise ValueError
    (missing,) = LENGTH.unpack(head)
    content = bytearray()
    while missing > len(content):
        part = connection.recv(missing - len(content))
        if not part:
            raise ValueError
        content += part
    return json.loads(content)
