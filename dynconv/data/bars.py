"""How far downloads and conversions are: bars on a terminal, a line now and then in a log."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dynconv.quantities import size

_EVERY_S = 30.0

Advance = Callable[[int, int | None], None]  # bytes that are there, bytes of the whole if known
Start = Callable[[str], Advance]

_interrupted = threading.Event()
_shown: Start | None = None  # a terminal has room for one set of bars: what begins within its block joins it


@contextmanager
def bars() -> Iterator[Start]:
    """Yield `start(name)`, which gives the function that tells how far `name` is.  Goes to stderr."""
    global _shown
    if _shown is not None:
        yield _shown
        return
    with _bars() as start:
        _shown = _stoppable(start)
        try:
            yield _shown
        finally:
            _shown = None
            _interrupted.clear()


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the main thread alone: end what the others do, too, which it will wait for."""
    try:
        yield
    except KeyboardInterrupt:
        _interrupted.set()
        raise


def _stoppable(start: Start) -> Start:
    def begin(name: str) -> Advance:
        advance = start(name)

        def told(done: int, total: int | None) -> None:
            if _interrupted.is_set():
                raise KeyboardInterrupt
            advance(done, total)

        return told

    return begin


@contextmanager
def _bars() -> Iterator[Start]:
    if not sys.stderr.isatty():
        yield _lines
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as shown:

        def start(name: str) -> Advance:
            task = shown.add_task(name, total=None)
            return lambda done, total: shown.update(task, completed=done, total=total)

        yield start


def _lines(name: str) -> Advance:
    began = told = time.monotonic()
    first: int | None = None
    lock = threading.Lock()

    def advance(done: int, total: int | None) -> None:
        nonlocal told, first
        with lock:
            now = time.monotonic()
            first = done if first is None else first  # a resumed download has a part already
            if now - told < _EVERY_S and done != total:
                return
            told = now
            speed = (done - first) / max(now - began, 1e-9)
            whole = f" of {size(total)}" if total else ""
            print(f"{name}: {size(done)}{whole}, {size(speed)}/s", file=sys.stderr, flush=True)

    return advance
