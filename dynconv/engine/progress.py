"""How far the training is: a bar where somebody looks, one plain line a minute in a log."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dynconv.errors import DynconvError

_EVERY_S = 60.0


class Progress:
    """Told of every step and epoch by the training loop; speaks in the leading process only.

    Args:
        epochs: of the whole training.
        steps: of an epoch.
        samples: examples of a step, over all processes.
        done: steps done before.
        say: takes a line; None: silence.
        board: folder for TensorBoard's files; None: none.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        samples: float,
        done: int,
        say: Callable[[str], None] | None,
        board: Path | None = None,
    ):
        self.epochs, self.steps, self.samples, self.done, self.say = epochs, steps, samples, done, say
        self.values: dict[str, float] = {}
        self.spoken = False
        self.since, self.count, self.waited = time.perf_counter(), 0, 0.0
        self.board = _board(board) if board and say else None
        self.bar = _bar(epochs * steps, done) if say and sys.stdout.isatty() else None

    def step(self, done: int, waited: float) -> None:
        """A step is done, of which `waited` seconds went by until its batch was there."""
        self.done, self.count, self.waited = done, self.count + 1, self.waited + waited
        if self.bar:
            self.bar.update(self.bar.task_ids[0], completed=done, text=self._brief())
        elif time.perf_counter() - self.since >= _EVERY_S:
            self._line()

    def epoch(self, epoch: int, done: int, values: dict[str, float]) -> None:
        """An epoch is done, with these values of its metrics."""
        self.values = values
        if self.board:
            for name, value in (values | self._rates()).items():
                self.board.add_scalar(f"train/{name}", value, done)
        if epoch == self.epochs or not self.spoken:  # the first, to see that it goes and how fast
            self._line()

    def close(self) -> None:
        """Clear the bar and finish the files."""
        if self.bar:
            self.bar.stop()
        if self.board:
            self.board.close()

    def _rates(self) -> dict[str, float]:
        seconds = max(time.perf_counter() - self.since, 1e-9)
        count = max(self.count, 1)
        return {"samples_per_s": self.count * self.samples / seconds, "data_wait_ms": 1000 * self.waited / count}

    def _text(self) -> str:
        rates = self._rates()
        loss = f"loss {self.values['loss']:.4f}  lr {self.values['lr']:.3g}  " if self.values else ""
        return f"{loss}{rates['samples_per_s']:,.0f} samples/s  {rates['data_wait_ms']:.1f} ms data wait a step"

    def _brief(self) -> str:
        rates = self._rates()
        loss = f"loss {self.values['loss']:.4f} " if self.values else ""
        return f"{loss}{rates['samples_per_s']:,.0f}/s, data {rates['data_wait_ms']:.1f} ms"

    def _line(self) -> None:
        epoch, self.spoken = -(-self.done // self.steps), True
        if self.say:
            self.say(f"epoch {epoch}/{self.epochs}  step {self.done}/{self.epochs * self.steps}  {self._text()}")
        self.since, self.count, self.waited = time.perf_counter(), 0, 0.0


def _bar(total: int, done: int) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    shown = BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}")
    bar = Bar(*shown, transient=True)
    bar.add_task("", total=total, completed=done, text="")
    bar.start()
    return bar


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DynconvError("--tensorboard: needs the package tensorboard; valid: pip install tensorboard") from None
    return SummaryWriter(str(folder))
