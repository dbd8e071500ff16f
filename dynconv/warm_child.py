"""A run in its own process, fresh from the fork: it becomes what the client's process would have been."""

import ctypes
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from dynconv.warm_client import FORWARDED

Main = Callable[[list[str]], int]

_PR_SET_PDEATHSIG = 1


def become(server: int, request: dict[str, Any], descriptors: list[int]) -> None:
    """Take over the client's standard streams, folder, environment and arguments; called with all signals blocked.

    The process ends with its parent, whose process id is `server`.
    """
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv = ["dynconv", *request["argv"]]
    _renew_libraries()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # SIGUSR2 stays blocked and ignored; `train` takes it as soon as it can answer.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*FORWARDED, signal.SIGCHLD} - {signal.SIGUSR2})


def run(main: Main, argv: list[str]) -> NoReturn:
    """Run `main` and end the process as the interpreter would, but without cleaning up what belongs to the server."""
    try:
        code: Any = main(argv)
    except SystemExit as error:
        code = error.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException as error:
        traceback.print_exc()
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120  # as the interpreter's own
    os._exit(code)


def _renew_libraries() -> None:
    """What libraries take from the environment, or from chance, when they are imported."""
    import numpy as np
    import torch

    np.random.seed()  # else a variant's own use of it would repeat in every run
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads):
        torch.set_num_threads(int(threads))
