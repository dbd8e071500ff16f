"""What a run leaves: its three files, or the record of its failure, `<failures>/<dataset>/<variant>/seed<k>.json`.

Imports no torch: the last word of a job that was killed is spoken on the login node.
"""

import datetime
import json
import os
from pathlib import Path
from typing import Any

import dynconv
from dynconv import data, job, records
from dynconv.errors import DynconvError, valid
from dynconv.files import write_text
from dynconv.study import RunKey, Study


def write_run(out: Path, row: dict[str, Any], metrics: list[dict], predictions: dict[str, list]) -> dict[str, Any]:
    """Write the three files, the run last: its presence says that the run is complete.  Returns `row`."""
    keys = {name: row[name] for name in ("run_id", "dataset", "variant", "seed")}
    count = len(predictions.get("example_id", []))
    columns = {name: [value] * count for name, value in keys.items()} | predictions
    records.write("metrics", [keys | entry for entry in metrics], out / "metrics.parquet")
    records.write("predictions", columns if count else [], out / "predictions.parquet")
    records.write("runs", [row], out / "run.parquet")
    return row


def leave(folder: Path | None, row: dict[str, Any], cause: str, trace: str | None) -> None:
    """Write `folder/<run_id>.json`: what is known of the run, `cause` in one line, the traceback if there is one."""
    if folder is None:
        return
    started = row.get("started_at")
    plain = {name: value for name, value in row.items() if name != "started_at"}
    content = {"row": plain, "failure": cause, "traceback": trace, "started_at": started and started.isoformat()}
    write_text(folder / f"{row['run_id']}.json", json.dumps(content, indent=2) + "\n")


def last_word(study: Study, key: RunKey, out: Path, store: Path, failures: Path) -> str:
    """Record that the run's job has failed for good, for the cause that the environment tells.

    The run's own JSON, if the dying run could still write it, keeps its row and its traceback; its own cause stays if
    the cluster knows no better one.  With `on_failure: record` the run becomes a failed row as well.  A run that was
    complete before its job was lost is left as it is.

    Returns:
        The line that says what was recorded.

    Raises:
        DynconvError: not called as a job's `failure_command`, or the records cannot be written.
    """
    told = {name: os.environ.get(f"SNAKEMAKE_SUBMITIT_{name}") for name in ("CAUSE", "MESSAGE", "JOB_ID", "NODE")}
    if not told["CAUSE"]:
        names = ("OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "CANCELLED", "EXIT_CODE", "NOT_STARTED")
        raise DynconvError(f"SNAKEMAKE_SUBMITIT_CAUSE is not set: it says why the job failed; {valid(names)}")
    row = _row(study, key, store) | {"slurm_job_id": told["JOB_ID"] or None, "hostname": told["NODE"] or None}
    if _complete(out, row):
        for name in ("metrics", "predictions", "run"):
            (out / f"{name}.parquet").touch()  # tells the executor that they are good
        return f"{key.run_id}: complete, though its job was lost ({told['CAUSE']}); nothing to record"
    cause, trace = f"{told['CAUSE']}: {' '.join((told['MESSAGE'] or '').split())}".rstrip(": "), None
    own = _own(failures / f"{key.run_id}.json", row)
    if own:
        row, trace = row | own["row"], own["traceback"]
        row["started_at"] = own["started_at"] and datetime.datetime.fromisoformat(own["started_at"])
        if told["CAUSE"] == "EXIT_CODE":
            cause = own["failure"]
    leave(failures, row, cause, trace)
    if study.on_failure == "record":
        now = datetime.datetime.now(datetime.UTC)
        write_run(out, row | {"status": "failed", "failure": cause, "finished_at": now}, [], {})
    return f"{key.run_id}: failed  {cause}"


def _row(study: Study, key: RunKey, store: Path) -> dict[str, Any]:
    """What the study tells of a run that left nothing."""
    task = data.spec(key.dataset).task
    try:
        dataset_hash = json.loads((store / key.dataset / "meta.json").read_text(encoding="utf-8"))["dataset_hash"]
    except (OSError, ValueError, KeyError):
        dataset_hash = None
    return {
        "run_id": key.run_id,
        "task": task,
        **key._asdict(),
        "attempt": job.attempt(),
        "study": study.name,
        "study_hash": study.study_hash,
        "run_hash": study.run_hash(key.dataset, task, key.variant),
        "dataset_hash": dataset_hash,
        "dynconv_version": dynconv.__version__,
    }


def _complete(out: Path, row: dict[str, Any]) -> bool:
    """Did this very start of the run write its result?"""
    try:
        found = records.read("runs", out / "run.parquet").to_pylist()[0]
    except (DynconvError, IndexError):
        return False
    return found["status"] == "ok" and _same_start(found, row)


def _own(file: Path, row: dict[str, Any]) -> dict[str, Any] | None:
    """What this very start of the run wrote about its end; None if that is nothing, or an earlier start's."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        # Without a traceback it is the word of somebody like us.
        same = content["traceback"] and _same_start(content["row"], row)
        return content if same and {"failure", "started_at"} <= content.keys() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _same_start(found: dict[str, Any], row: dict[str, Any]) -> bool:
    # Slurm's own requeues can be news to the driver: then the run counts further than what it was told.
    same = all(found.get(name) == row[name] for name in ("run_id", "run_hash"))
    return same and (found.get("attempt") or 0) >= row["attempt"]
