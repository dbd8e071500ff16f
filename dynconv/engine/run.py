"""One run, from a study to three Parquet files."""

import datetime
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dynconv import job
from dynconv.engine import provenance
from dynconv.engine.checkpoint import Checkpoints
from dynconv.engine.setup import setup
from dynconv.engine.strategy import choose
from dynconv.engine.train import Result, Training
from dynconv.engine.world import find
from dynconv.errors import DynconvError, valid
from dynconv.failure import leave, write_run
from dynconv.stopping import Stop, Stopped
from dynconv.study import RunKey, Study

Say = Callable[[str], None]


def train_run(
    study: Study,
    key: RunKey,
    out: Path,
    store: Path,
    *,
    strategy_name: str | None = None,
    device_name: str = "auto",
    threads: int | None = None,
    failures: Path | None = None,
    toy: bool = False,
    say: Say = print,
    stop: Stop | None = None,
    board: Path | None = None,
) -> dict[str, Any]:
    """Train one run and write `run.parquet`, `metrics.parquet` and `predictions.parquet` into `out`.

    Started as one of many processes (`dynconv.engine.world`), this one takes its share; the first of them writes.

    A run whose loss becomes NaN or infinite ends well, with a failed row that names the cause.  An error leaves
    `failures/<dataset>/<variant>/seed<k>.json`; with `on_failure: record` in the study it becomes a failed row too.

    Returns:
        The row of the `runs` table.

    Raises:
        DynconvError: bad input or an output that cannot be written, found before anything is trained.
        Stopped: `stop` was asked for between two steps; the same call continues from there.
    """
    started = _now()
    variant = study.variant(key.variant)
    if variant.rule and variant.base == variant.name:
        raise DynconvError(f"variant {variant.name!r} has no file to train: its runs are written by a workflow rule")
    if key.seed not in study.seeds:
        raise DynconvError(f"seed {key.seed} is not in study {study.name}; {valid(study.seeds)}")
    world = find()
    place = setup(study, key.dataset, store, device_name, threads, world, say)
    task, recipe = place.task, place.recipe
    strategy = choose(strategy_name or recipe.strategy, world)(world, place.device, recipe)
    if place.meta["toy"] and not toy:
        raise DynconvError(
            f"{store / key.dataset}: holds the toy of {key.dataset}, no benchmark; prepare it without --toy"
        )
    _check_writable(out)
    row: dict[str, Any] = {
        "run_id": key.run_id,
        "task": task.name,
        **key._asdict(),
        "attempt": job.attempt(),
        "strategy": strategy.name,
        "zero_stage": recipe.zero_stage if strategy.name == "deepspeed" else None,
        "world_size": world.size,
        "precision": strategy.precision,
        "study": study.name,
        "study_hash": study.study_hash,
        "run_hash": study.run_hash(key.dataset, task.name, key.variant),
        "dataset_hash": place.meta["dataset_hash"],
        **provenance.hardware(place.device),
        **provenance.versions(),
        "started_at": started,
    }
    record = failures / f"{key.run_id}.json" if failures else None
    if record and world.leads:  # what is there is an earlier start's
        record.unlink(missing_ok=True)
    identity = f"{row['run_id']} {row['run_hash']} {row['dataset_hash']} {provenance.code_digest()}"
    checkpoints = Checkpoints(out, identity)
    speak = say if world.leads else None
    finished = True
    result: Result
    try:
        with strategy:
            result = Training(study, key, place, strategy, checkpoints, speak, stop or Stop(), board).run()
    except Stopped:
        raise
    except DynconvError as error:
        if world.leads:
            leave(failures, row, str(error), traceback.format_exc())
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if world.size == 1 or (record and not record.exists()):  # of many processes the first to die knows why
            leave(failures, row, cause, traceback.format_exc())
        if study.on_failure != "record" or world.size > 1:  # the job's end tells the others, and its last word records
            raise
        say(traceback.format_exc())
        finished = False
        result = {"status": "failed", "failure": cause}, [], {}
    outcome, metrics, predictions = result
    row |= outcome | {"finished_at": _now()}
    if world.leads:
        kept = predictions if study.keep.predictions_of(key.seed, study.seeds) else {}
        write_run(out, row, metrics, kept)
        if finished or study.keep.checkpoints == "none":  # a run that died may be tried again, from where it was
            checkpoints.remove()
    return row


def _check_writable(out: Path) -> None:
    """Find out now, not after hours of training, that the results cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out, prefix=".probe."):
            pass
    except OSError as error:
        raise DynconvError(f"{out}: cannot write the run's results here: {os.strerror(error.errno or 0)}") from None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
