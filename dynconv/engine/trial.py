"""One trial of a search, from a study to one row: trained on a part of the training split, judged by the rest of it."""

import json
from pathlib import Path
from typing import Any

from dynconv import data, job, trials
from dynconv.engine.session import Say, Session, now, refuse_toy
from dynconv.engine.setup import setup
from dynconv.engine.world import find
from dynconv.failure import write_trial
from dynconv.stopping import Stop
from dynconv.study import RunKey, Study
from dynconv.trials import TrialKey


def train_trial(
    study: Study,
    key: TrialKey,
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
    """Train one trial and write `trial.parquet` into `out`.

    It is trained, stopped, continued and failed as a run is (`dynconv.engine.run`).  The test split is not opened.
    Where nothing can be cut off for validation, nothing is trained and the row says so.

    Returns:
        The row of the `trials` table, and more columns of the `runs` table.

    Raises:
        DynconvError: bad input or an output that cannot be written, found before anything is trained.
        Stopped: `stop` was asked for between two steps; the same call continues from there.
    """
    started = now()
    tune = trials.tune_of(study, key.dataset, key.variant)
    task = data.spec(key.dataset).task
    recipe = trials.recipe(study, task, key)
    validation = tune.validation, trials.cut_key(study, key.dataset)
    place = setup(study, key.dataset, store, device_name, threads, find(), recipe, validation, say)
    if not toy:
        refuse_toy(place, store / key.dataset)
    digest, seed = trials.trial_hash(study, task, key), trials.training_seed(study)
    columns = {
        "trial_id": key.trial_id,
        "task": task,
        **key._asdict(),
        "settings": json.dumps(trials.settings(study, key.dataset, task)[key.trial]),
        "seed": seed,
        "n_train": len(place.train.x),
        "n_validation": len(place.judge.x),
        "trial_hash": digest,
        "started_at": started,
    }
    if not len(place.judge.x):
        columns |= {"study": study.name, "study_hash": study.study_hash, "dataset_hash": place.meta["dataset_hash"]}
        columns |= {"status": "skipped", "failure": "no class has a second example to cut off for validation"}
        columns |= {"attempt": job.attempt(), "finished_at": now()}
        if place.world.leads:
            write_trial(out, columns)
        return columns
    run = RunKey(key.dataset, key.variant, seed)
    session = Session(study, run, place, key.trial_id, digest, out, failures, say, stop or Stop())
    return session.run(columns, lambda out, row, *_: write_trial(out, row), None)
