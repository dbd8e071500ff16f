"""The refreshed picture: drawn until no job is live any more, or until Ctrl-C; its last state stays on the screen."""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live

from dynconv.study import Study
from dynconv.watch.look import Picture, Watcher
from dynconv.watch.screen import screen
from dynconv.watch.texts import symbols

_CALM = 2  # looks without a live job after which it is over: between two steps of a workflow there is a moment without


def watch(study: Study | None, results: Path, workdir: Path, every: float) -> bool:
    """Show the picture, in an alternate screen, every so many seconds and whenever the terminal changes its size.

    Returns:
        Whether there was anything to watch: False, and nothing is shown, where no job is live.

    Raises:
        DynconvError: a run's file or a failure record is damaged.
    """
    console = Console()
    if console.is_dumb_terminal:  # it cannot go back to the start of the screen
        return False
    watcher = Watcher(study, results, workdir)
    picture = watcher.look()
    if not picture.live:
        return False
    marks = symbols(sys.stdout.encoding)
    footer = clean_footer(every, marks.dot)

    def frame(picture: Picture, footer: str = footer) -> Group:
        width, height = console.size
        return Group(*screen(picture, width, height, marks, footer=footer, last_lines=watcher.last_lines))

    calm = 0
    drawn = Live(console=console, screen=True, auto_refresh=False)
    with contextlib.suppress(KeyboardInterrupt), resized() as wait, drawn:
        while calm < _CALM:
            drawn.update(frame(picture), refresh=True)
            if wait(every if not calm else min(every, 1.0)):
                continue  # the same once more, in the new size
            picture = watcher.look()
            calm = 0 if picture.live else calm + 1
    width, height = console.size
    for text in screen(picture, width, height - 1, marks, last_lines=watcher.last_lines):
        console.print(text, end="\n")
    return True


def clean_footer(every: float, dot: str) -> str:
    """What the last line says."""
    return dot.join((f"every {every:g} s", "Ctrl-C ends this picture, not the jobs", "--once: every run, as a list"))


@contextlib.contextmanager
def resized() -> Iterator[Callable[[float], bool]]:
    """A function that waits so many seconds, or until the terminal changes its size: whether it has.

    A pipe, since a signal comes at any moment: the lock of a `threading.Event` would be taken twice.
    """
    end, start = os.pipe()
    os.set_blocking(start, False)

    def note(*_: object) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it says enough already
            os.write(start, b"x")

    def wait(seconds: float) -> bool:
        if not select.select([end], [], [], seconds)[0]:
            return False
        os.read(end, 1 << 16)
        return True

    before = signal.signal(signal.SIGWINCH, note)
    try:
        yield wait
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(start)
        os.close(end)
