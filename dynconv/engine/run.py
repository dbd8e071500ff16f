"""One run, from a study to three Parquet files."""

import datetime
import math
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dynconv import job
from dynconv.data.batches import Batches, steps_per_epoch
from dynconv.engine import checkpoint, provenance
from dynconv.engine.evaluate import evaluate
from dynconv.engine.loop import fit
from dynconv.engine.optim import Schedule, build_optimizer
from dynconv.engine.setup import Setup, setup
from dynconv.errors import DynconvError, valid
from dynconv.failure import leave, write_run
from dynconv.models.macs import count as count_macs
from dynconv.stopping import Stop, Stopped
from dynconv.study import RunKey, Study

Say = Callable[[str], None]
Result = tuple[dict[str, Any], list[dict[str, Any]], dict[str, list[Any]]]  # outcome, metrics, predictions


def train_run(
    study: Study,
    key: RunKey,
    out: Path,
    store: Path,
    *,
    device_name: str = "auto",
    threads: int | None = None,
    failures: Path | None = None,
    toy: bool = False,
    say: Say = print,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Train one run and write `run.parquet`, `metrics.parquet` and `predictions.parquet` into `out`.

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
    place = setup(study, key.dataset, store, device_name, threads)
    task, strategy = place.task, place.strategy
    if place.prepared.meta["toy"] and not toy:
        raise DynconvError(
            f"{store / key.dataset}: holds the toy of {key.dataset}, no benchmark; prepare it without --toy"
        )
    _check_writable(out)
    run_hash = study.run_hash(key.dataset, task.name, key.variant)
    row: dict[str, Any] = {
        "run_id": key.run_id,
        "task": task.name,
        **key._asdict(),
        "attempt": job.attempt(),
        "strategy": strategy.name,
        "world_size": strategy.world_size,
        "precision": strategy.precision,
        "study": study.name,
        "study_hash": study.study_hash,
        "run_hash": run_hash,
        "dataset_hash": place.prepared.meta["dataset_hash"],
        **provenance.hardware(place.device),
        **provenance.versions(),
        "started_at": started,
    }
    if failures:  # what is there is an earlier start's
        (failures / f"{key.run_id}.json").unlink(missing_ok=True)
    finished = True
    result: Result
    try:
        result = _train(study, key, place, out, row, say, stop or Stop())
    except (DynconvError, Stopped):
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        leave(failures, row, cause, traceback.format_exc())
        if study.on_failure != "record":
            raise
        say(traceback.format_exc())
        finished = False
        result = {"status": "failed", "failure": cause}, [], {}
    outcome, metrics, predictions = result
    row = write_run(out, row | outcome | {"finished_at": _now()}, metrics, predictions)
    if finished:  # a run that died may be tried again, from where it was
        (out / "checkpoint.pt").unlink(missing_ok=True)
    return row


def _train(study: Study, key: RunKey, place: Setup, out: Path, row: dict[str, Any], say: Say, stop: Stop) -> Result:
    task, recipe, device, prepared, strategy = place
    torch.manual_seed(key.seed)
    meta = prepared.meta
    model = task.build(study.variant(key.variant), meta["shape"][0], len(meta["classes"]), recipe).to(device)
    # On a CPU it brings these networks nothing, and torch 2.14's backward of dilated convolutions crashes on it.
    if recipe.channels_last and device.type == "cuda" and len(meta["shape"]) == 3:
        model = model.to(memory_format=torch.channels_last)
    train = Batches(prepared.train, meta, device)
    steps = steps_per_epoch(len(train), recipe.batch_size, recipe.drop_last)
    state = checkpoint.State(model, build_optimizer(model, recipe), Schedule(recipe, steps), strategy.scaler)
    path = out / "checkpoint.pt"
    identity = f"{row['run_id']} {row['run_hash']} {row['dataset_hash']} {provenance.code_digest()}"
    say(checkpoint.load(path, state, identity, device))
    provenance.reset_peak_memory(device)
    cause = fit(state, task, train, recipe, key.seed, strategy, path, identity, say, stop)
    seen = steps * recipe.batch_size if recipe.drop_last else len(train)  # examples an epoch
    outcome: dict[str, Any] = {
        "params": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "epochs": state.step // steps,
        "steps": state.step,
        "train_s": state.train_s,
        "samples_per_s": state.step / steps * seen / max(state.train_s, 1e-9),
        "peak_memory_bytes": provenance.peak_memory_bytes(device),
    }
    if cause:
        say(f"failed: {cause}")
        return outcome | {"status": "failed", "failure": cause}, state.metrics, {}
    test = Batches(prepared.test, meta, device)
    metrics, predictions = evaluate(model, task, test, recipe.batch_size, strategy)
    if not all(map(math.isfinite, metrics.values())):  # the last step can be the one that diverges
        cause = f"{', '.join(name for name, value in metrics.items() if not math.isfinite(value))} of the test split"
        cause += " is NaN or infinite after the last step"
        say(f"failed: {cause}")
        return outcome | {"status": "failed", "failure": cause}, state.metrics, {}
    macs = count_macs(model, tuple(meta["shape"]), metrics.get("executed_fraction"))
    outcome |= {"status": "ok", "macs": macs.executed, "macs_theoretical": macs.theoretical, **metrics}
    final = [
        {"split": "test", "epoch": recipe.epochs, "step": state.step, "metric": name, "value": value}
        for name, value in metrics.items()
    ]
    return outcome, state.metrics + final, predictions


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
