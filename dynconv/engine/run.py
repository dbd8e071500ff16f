"""One run, from a study to its Parquet files."""

from pathlib import Path
from typing import Any

from dynconv import choice, data
from dynconv.engine.session import Say, Session, now, refuse_toy
from dynconv.engine.setup import setup
from dynconv.engine.world import find
from dynconv.errors import DynconvError, valid
from dynconv.failure import write_run
from dynconv.stopping import Stop
from dynconv.study import RunKey, Study


def train_run(
    study: Study,
    key: RunKey,
    out: Path,
    store: Path,
    *,
    choice_file: Path | None = None,
    strategy_name: str | None = None,
    device_name: str = "auto",
    threads: int | None = None,
    failures: Path | None = None,
    toy: bool = False,
    say: Say = print,
    stop: Stop | None = None,
    board: Path | None = None,
) -> dict[str, Any]:
    """Train one run and write its `run`, `metrics`, `predictions` and `diagnostics.parquet` into `out`.

    `masks.parquet` as well, where there are masks to show and the run keeps its predictions.

    Started as one of many processes (`dynconv.engine.world`), this one takes its share; the first of them writes.
    The recipe is the study's, overridden by what `choice_file` says that a search has chosen.

    A run whose loss becomes NaN or infinite ends well, with a failed row that names the cause.  An error leaves
    `failures/<dataset>/<variant>/seed<k>.json`; with `on_failure: record` in the study it becomes a failed row too.

    Returns:
        The row of the `runs` table.

    Raises:
        DynconvError: bad input or an output that cannot be written, found before anything is trained.
        Stopped: `stop` was asked for between two steps; the same call continues from there.
    """
    started = now()
    variant = study.variant(key.variant)
    if variant.rule and variant.base == variant.name:
        raise DynconvError(f"variant {variant.name!r} has no file to train: its runs are written by a workflow rule")
    if key.seed not in study.seeds:
        raise DynconvError(f"seed {key.seed} is not in study {study.name}; {valid(study.seeds)}")
    task = data.spec(key.dataset).task
    settings = choice.read(choice_file, study, key.dataset, key.variant) if choice_file else {}
    recipe = study.recipe(key.dataset, task, settings)
    place = setup(study, key.dataset, store, device_name, threads, find(), recipe, say=say)
    if not toy:
        refuse_toy(place, store / key.dataset)
    digest = study.run_hash(key.dataset, task, key.variant, settings)
    keeps = study.keep.predictions_of(key.seed, study.seeds)
    session = Session(
        study, key, place, key.run_id, digest, out, failures, say, stop or Stop(), board, study.diagnostics, keeps
    )
    columns = {"run_id": key.run_id, "task": task, **key._asdict(), "started_at": started}
    columns |= {"run_hash": digest, "plan_hash": study.analysis.plan_hash}

    def write(out: Path, row: dict[str, Any], metrics: list, predictions: dict, diagnostics: list, masks: list) -> None:
        write_run(out, row, metrics, predictions if keeps else {}, diagnostics, masks)

    return session.run(columns, write, strategy_name)
