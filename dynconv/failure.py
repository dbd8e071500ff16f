"""What a run leaves: its four files, or the record of its failure, `<failures>/<dataset>/<variant>/seed<k>.json`.

A trial of a search leaves one file, or `trial<k>.json`.

Imports no torch: the last word of a job that was killed is spoken on the login node.
"""

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dynconv
from dynconv import choice, data, job, records, trials
from dynconv.errors import DynconvError, valid
from dynconv.files import write_text
from dynconv.study import RunKey, Study
from dynconv.trials import TrialKey


class _Kind(NamedTuple):
    """What is trained: how its table, its columns and its files are called, the one that completes it last."""

    table: str
    id: str
    hash: str
    files: tuple[str, ...]


_RUN = _Kind("runs", "run_id", "run_hash", ("metrics", "predictions", "diagnostics", "masks", "run"))
_TRIAL = _Kind("trials", "trial_id", "trial_hash", ("trial",))


def write_run(
    out: Path,
    row: dict[str, Any],
    metrics: list[dict[str, Any]],
    predictions: dict[str, list[Any]],
    diagnostics: list[dict[str, Any]],
    masks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Write the four files, and `masks.parquet` if there are any, the run last: its presence says that it is complete.

    Returns `row`.
    """
    keys = {name: row[name] for name in ("run_id", "dataset", "variant", "seed")}
    count = len(predictions.get("example_id", []))
    columns = {name: [value] * count for name, value in keys.items()} | predictions
    records.write("metrics", [keys | entry for entry in metrics], out / "metrics.parquet")
    records.write("predictions", columns if count else [], out / "predictions.parquet")
    records.write("diagnostics", [keys | entry for entry in diagnostics], out / "diagnostics.parquet")
    (out / "masks.parquet").unlink(missing_ok=True)  # an earlier training's: no output of the rule, so it stays
    if masks:
        records.write("masks", [keys | entry for entry in masks], out / "masks.parquet")
    records.write("runs", [row], out / "run.parquet")
    return row


def write_trial(out: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Write the one file of a trial, of those of its columns that the table has.  Returns `row`."""
    known = [column.name for column in records.TABLES["trials"].columns]
    records.write("trials", [{name: row[name] for name in known if name in row}], out / "trial.parquet")
    return row


def leave(file: Path | None, row: dict[str, Any], cause: str, trace: str | None) -> None:
    """Write `file`: what is known of the run, `cause` in one line, the traceback if there is one."""
    if file is None:
        return
    started = row.get("started_at")
    plain = {name: value for name, value in row.items() if name != "started_at"}
    content = {"row": plain, "failure": cause, "traceback": trace, "started_at": started and started.isoformat()}
    write_text(file, json.dumps(content, indent=2) + "\n")


def last_word(
    study: Study, key: RunKey | TrialKey, out: Path, store: Path, failures: Path, choice_file: Path | None = None
) -> str:
    """Record that the job of a run, or of a trial, has failed for good, for the cause that the environment tells.

    The run's own JSON, if the dying run could still write it, keeps its row and its traceback; its own cause stays if
    the cluster knows no better one.  With `on_failure: record` the run becomes a failed row as well.  A run that was
    complete before its job was lost is left as it is.  Of a tuned run, `choice_file` is what it was started with.

    Returns:
        The line that says what was recorded.

    Raises:
        DynconvError: not called as a job's `failure_command`, or the records cannot be written.
    """
    told = {name: os.environ.get(f"SNAKEMAKE_SUBMITIT_{name}") for name in ("CAUSE", "MESSAGE", "JOB_ID", "NODE")}
    if not told["CAUSE"]:
        names = ("OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "CANCELLED", "EXIT_CODE", "NOT_STARTED")
        raise DynconvError(f"SNAKEMAKE_SUBMITIT_CAUSE is not set: it says why the job failed; {valid(names)}")
    kind = _RUN if isinstance(key, RunKey) else _TRIAL
    row = _row(study, key, store, choice_file) | {
        "slurm_job_id": told["JOB_ID"] or None,
        "hostname": told["NODE"] or None,
    }
    name, record = row[kind.id], failures / f"{row[kind.id]}.json"
    if _complete(kind, out, row):
        for file in (out / f"{name}.parquet" for name in kind.files):
            if file.exists():  # most runs have no masks, one of a rule of one's own may lack diagnostics
                file.touch()  # tells the executor that they are good
        return f"{name}: complete, though its job was lost ({told['CAUSE']}); nothing to record"
    cause, trace = f"{told['CAUSE']}: {' '.join((told['MESSAGE'] or '').split())}".rstrip(": "), None
    own = _own(kind, record, row)
    if own:
        row, trace = row | own["row"], own["traceback"]
        row["started_at"] = own["started_at"] and datetime.datetime.fromisoformat(own["started_at"])
        if told["CAUSE"] == "EXIT_CODE":
            cause = own["failure"]
    leave(record, row, cause, trace)
    if study.on_failure == "record":
        now = datetime.datetime.now(datetime.UTC)
        row |= {"status": "failed", "failure": cause, "finished_at": now}
        write_run(out, row, [], {}, []) if kind is _RUN else write_trial(out, row)
    return f"{name}: failed  {cause}"


def _row(study: Study, key: RunKey | TrialKey, store: Path, choice_file: Path | None) -> dict[str, Any]:
    """What the study tells of a run or a trial that left nothing."""
    task = data.spec(key.dataset).task
    try:
        dataset_hash = json.loads((store / key.dataset / "meta.json").read_text(encoding="utf-8"))["dataset_hash"]
    except (OSError, ValueError, KeyError):
        dataset_hash = None
    if isinstance(key, RunKey):
        settings = choice.read(choice_file, study, key.dataset, key.variant) if choice_file else {}
        own = {"run_id": key.run_id, "run_hash": study.run_hash(key.dataset, task, key.variant, settings)}
        own["plan_hash"] = study.analysis.plan_hash
    else:
        own = {"trial_id": key.trial_id, "trial_hash": trials.trial_hash(study, task, key)}
        own["settings"] = json.dumps(trials.settings(study, key.dataset, task)[key.trial])
    return {
        **own,
        "task": task,
        **key._asdict(),
        "attempt": job.attempt(),
        "study": study.name,
        "study_hash": study.study_hash,
        "dataset_hash": dataset_hash,
        "dynconv_version": dynconv.__version__,
    }


def _complete(kind: _Kind, out: Path, row: dict[str, Any]) -> bool:
    """Did this very start write its result?"""
    try:
        found = records.read(kind.table, out / f"{kind.files[-1]}.parquet").to_pylist()[0]
    except (DynconvError, IndexError):
        return False
    return found["status"] != "failed" and _same_start(kind, found, row)


def _own(kind: _Kind, file: Path, row: dict[str, Any]) -> dict[str, Any] | None:
    """What this very start wrote about its end; None if that is nothing, or an earlier start's."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        # Without a traceback it is the word of somebody like us.
        same = content["traceback"] and _same_start(kind, content["row"], row)
        return content if same and {"failure", "started_at"} <= content.keys() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _same_start(kind: _Kind, found: dict[str, Any], row: dict[str, Any]) -> bool:
    # Slurm's own requeues can be news to the driver: then the run counts further than what it was told.
    same = all(found.get(name) == row[name] for name in (kind.id, kind.hash))
    return same and (found.get("attempt") or 0) >= row["attempt"]
