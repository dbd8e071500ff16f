"""Handing a command to the warm process of its pack (`dynconv warm`), which has all that is slow to import.

On the Unix socket, client to server: the length of the request (4 bytes, with the three standard descriptors), the
request (JSON), then one byte for each signal to pass on.  Server to client: STARTED from the run's own process, then
its wait status (4 bytes).  The end of the stream before STARTED means: run it yourself.

Every start of a run passes here: nothing is imported that `python` and `argparse` do not need anyway, but sockets.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

STARTED = b"S"
FORWARDED = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")
_PATIENCE_S = 5.0  # about what the imports cost that a warm process saves
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def run_warm(path: str, argv: Sequence[str]) -> int | None:
    """Have the warm process behind the socket `path` run `dynconv argv`; returns the exit code.

    A run that was killed by signal n has exit code 128 + n.  None: there is no such process, or it went away; then
    nothing of the run is left but its files, and the caller runs the command itself.
    """
    # A SIGUSR2 that comes before the run can take it waits for it, here or in the run's own process.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _connect(connection, path)
            if peer_uid(connection) != os.getuid():
                return None
            _send(connection, argv)
            if connection.recv(1) != STARTED:
                return None
            return _wait(connection)
    except OSError:
        return None


def identity() -> list[str]:
    """What must be the same on both sides for a warm run to be the cold run."""
    return [sys.version, sys.prefix, str(Path(__file__).parent)]


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end of a Unix socket."""
    sent = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(sent)[1]


def _connect(connection: socket.socket, path: str) -> None:
    """Wait a little for a warm process that was started at the same time; one that is gone refuses at once."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return connection.connect(path)
        except FileNotFoundError:
            if time.monotonic() > end or not Path(path).parent.exists():
                raise
        time.sleep(0.01)


def _send(connection: socket.socket, argv: Sequence[str]) -> None:
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "argv": list(argv),
        "cwd": str(Path.cwd()),
        "env": dict(os.environ),
        "umask": umask,
        "identity": identity(),
    }
    content = json.dumps(request).encode()
    socket.send_fds(connection, [LENGTH.pack(len(content))], [0, 1, 2])
    connection.sendall(content)


def _wait(connection: socket.socket) -> int | None:
    passed = []

    def forward(number: int, frame) -> None:
        passed.append(number)
        with contextlib.suppress(OSError):  # the run may have ended
            connection.send(bytes([number]))

    # What this process was told to ignore (nohup, a pack's trap) stays ignored, but for the word to stop.
    numbers = [n for n in FORWARDED if n == signal.SIGUSR2 or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, forward) for number in numbers}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    try:
        sent = connection.recv(STATUS.size, socket.MSG_WAITALL)
    except ConnectionError:
        sent = b""
    if len(sent) < STATUS.size:
        # The run's process holds the server's end of the connection as well: both are gone.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        for number, handler in before.items():
            signal.signal(number, handler)
        for missed in passed:
            signal.raise_signal(missed)
        return None
    code = os.waitstatus_to_exitcode(STATUS.unpack(sent)[0])
    return code if code >= 0 else 128 - code
