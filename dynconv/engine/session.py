"""One training carried out, of a run or of a search's trial: checkpoints, failures, and what is written at the end."""

import datetime
import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv import job
from dynconv.engine import provenance
from dynconv.engine.checkpoint import Checkpoints
from dynconv.engine.setup import Setup
from dynconv.engine.strategy import choose
from dynconv.engine.train import Result, Training
from dynconv.errors import DynconvError
from dynconv.failure import leave
from dynconv.stopping import Stop, Stopped
from dynconv.study import RunKey, Study

Say = Callable[[str], None]
Write = Callable[[Path, dict[str, Any], list[dict], dict[str, list], list[dict], list[dict]], Any]


@dataclass(frozen=True)
class Session:
    """What is trained, where its results and its failures go, and who listens."""

    study: Study
    key: RunKey  # the variant and the seed; a trial's seed is none of the study's
    place: Setup
    name: str  # of the run or the trial
    digest: str  # of what fixes its numbers
    out: Path
    failures: Path | None
    say: Say
    stop: Stop
    board: Path | None = None
    diagnose: bool = False
    show: bool = False

    def run(self, columns: dict[str, Any], write: Write, strategy_name: str | None) -> dict[str, Any]:
        """Train, evaluate, and have `write` write the row (and the curves and predictions) into `out`.

        Args:
            columns: of the row, those that are known before.
            write: takes `out`, the row, the rows of `metrics`, the columns of `predictions`, the rows of `diagnostics`
                and of `masks`.
            strategy_name: None: the recipe's.

        Returns:
            The row.

        Raises:
            DynconvError: bad input or an output that cannot be written, found before anything is trained.
            Stopped: `stop` was asked for between two steps; the same call continues from there.
        """
        study, place, world, recipe = self.study, self.place, self.place.world, self.place.recipe
        strategy = choose(strategy_name or recipe.strategy, world)(world, place.device, recipe)
        _check_writable(self.out)
        row = columns | {
            "attempt": job.attempt(),
            "queue_s": job.queue_s(),
            "strategy": strategy.name,
            "zero_stage": recipe.zero_stage if strategy.name == "deepspeed" else None,
            "world_size": world.size,
            "precision": strategy.precision,
            "study": study.name,
            "study_hash": study.study_hash,
            "dataset_hash": place.meta["dataset_hash"],
            **provenance.hardware(place.device),
            **provenance.versions(),
        }
        record = self.failures / f"{self.name}.json" if self.failures else None
        if record and world.leads:  # what is there is an earlier start's
            record.unlink(missing_ok=True)
        identity = f"{self.name} {self.digest} {row['dataset_hash']} {provenance.code_digest()}"
        checkpoints = Checkpoints(self.out, identity)
        speak = self.say if world.leads else None
        finished = True
        try:
            with strategy:
                result = Training(
                    study,
                    self.key,
                    place,
                    strategy,
                    checkpoints,
                    speak,
                    self.stop,
                    self.board,
                    self.diagnose,
                    self.show,
                ).run()
        except Stopped:
            raise
        except DynconvError as error:
            if world.leads:
                leave(record, row, str(error), traceback.format_exc())
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if world.size == 1 or (record and not record.exists()):  # of many processes the first to die knows why
                leave(record, row, cause, traceback.format_exc())
            if study.on_failure != "record" or world.size > 1:  # the job's end tells the others; its last word records
                raise
            self.say(traceback.format_exc())
            finished = False
            result = Result({"status": "failed", "failure": cause}, [], {}, [], [])
        row |= result.outcome | {"finished_at": now()}
        if world.leads:
            write(self.out, row, *result[1:])
            if finished or study.keep.checkpoints == "none":  # one that died may be tried again, from where it was
                checkpoints.remove()
        return row


def now() -> datetime.datetime:
    """The present moment (UTC)."""
    return datetime.datetime.now(datetime.UTC)


def refuse_toy(place: Setup, folder: Path) -> None:
    """DynconvError if the data in `folder` are a toy, whose accuracies mean nothing."""
    if place.meta["toy"]:
        name = place.meta["name"]
        raise DynconvError(f"{folder}: holds the toy of {name}, no benchmark; prepare it without --toy")


def _check_writable(out: Path) -> None:
    """Find out now, not after hours of training, that the results cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out, prefix=".probe."):
            pass
    except OSError as error:
        raise DynconvError(f"{out}: cannot write the run's results here: {os.strerror(error.errno or 0)}") from None
