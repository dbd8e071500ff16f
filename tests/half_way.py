"""A study's folders as they are in the middle of it, without training anything."""

import json
import time
from pathlib import Path

import yaml

from dynconv import data, records
from dynconv.failure import write_run
from dynconv.study import RunKey, Study, load
from snakemake_executor_plugin_submitit.item import write
from snakemake_executor_plugin_submitit.journal import FOLDER, Batch, Entry, Journal

STUDY = {
    "name": "half",
    "variants": ["vanilla", "odconv"],
    "datasets": ["digits", "ucr/GunPoint"],
    "seeds": 2,
    "analysis": {"resamples": 100},
}


def study_in(folder: Path, **changes) -> Study:
    """The study, in a file of its own, with its results below `folder`."""
    content = STUDY | {"data": str(folder / "data"), "results": str(folder / "results")} | changes
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    return load(folder / "study.yaml")


def row_of(study: Study, key: RunKey, **values) -> dict:
    """A row of `runs` as `dynconv train` makes it."""
    task = data.spec(key.dataset).task
    row = {"run_id": key.run_id, "task": task, **key._asdict(), "status": "ok", "attempt": 1, "accuracy": 0.75}
    row |= {"run_hash": study.run_hash(key.dataset, task, key.variant), "study_hash": study.study_hash, "epochs": 1}
    return row | {"plan_hash": study.analysis.plan_hash, "train_s": 2.0, "device": "x (CPU)", **values}


def finish(study: Study, key: RunKey, masks: list[dict] = (), **values) -> Path:
    """The files of a finished run."""
    out = Path(study.results, "runs", key.run_id)
    row = row_of(study, key, **values)
    metrics = [{"split": "train", "epoch": 1, "step": 1, "metric": "loss", "value": float(row["attempt"])}]
    write_run(out, row, metrics, {"example_id": [0, 1], "target": [0, 1], "prediction": [0, row["attempt"]]}, [], masks)
    return out


def die(study: Study, key: RunKey, cause: str) -> None:
    """The record of a failure."""
    file = Path(study.results, "failures", f"{key.run_id}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    row = {
        name: value for name, value in row_of(study, key, hostname="n3").items() if name not in ("status", "accuracy")
    }
    file.write_text(json.dumps({"row": row, "failure": cause, "traceback": None, "started_at": None}))


def submit(workdir: Path, *packs: list[RunKey], started: int = 1) -> None:
    """Jobs as the executor keeps account of them, one a pack; the first `started` of them run."""
    place = workdir / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    entries = [[Entry(k.run_id, "", k.run_id, "train_x", f"logs/{k.run_id}.log", 1) for k in pack] for pack in packs]
    batch = Batch("one", place / "batches/one", entries, {"pack_concurrency": 1, "gpus_per_node": 1})
    (batch.folder / "status").mkdir(parents=True)
    for task in range(started):
        write(batch.folder / f"status/{task}.start.json", {"time": time.time() - 60, "node": "n7", "restart": 0})
    journal = Journal(place)
    journal.intend(batch)
    batch.cluster, batch.job_id, batch.array = "slurm", "88", True
    journal.submitted(batch)
    journal.close()


def report_jobs(workdir: Path) -> None:
    """The driver has heard of the ends of all its jobs."""
    journal = Journal(workdir / FOLDER)
    for batch in list(journal.batches.values()):
        journal.reported(batch, batch.places)
    journal.close()


def rows(folder: Path, name: str) -> list[dict]:
    """Of a table of the snapshot."""
    kind = "tables" if name in ("runs", "metrics", "predictions", "masks", "profile") else "stats"
    return records.read(name, folder / kind / f"{name}.parquet").to_pylist()
