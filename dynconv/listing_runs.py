"""What `dynconv list runs` prints: each run, how it stands, where it ran or runs."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv import run_rows
from dynconv.columns import columns, terminal_width
from dynconv.errors import DynconvError
from dynconv.quantities import duration
from dynconv.study import METRICS, PRIMARY_METRIC, Study

_METRICS = sorted({name for names in METRICS.values() for name in names})
COLUMNS = ("task", "status", "failure", "attempt", "train_s", "hostname", "slurm_job_id", *_METRICS)
STATES = ("ok", "failed", "running", "queued", "died", "missing")


@dataclass
class Line:
    """One run of the list."""

    run: str
    state: str = "missing"
    metric: float | None = None
    job: str | None = None
    node: str | None = None
    attempt: int | None = None
    elapsed_s: float | None = None
    note: str = ""  # the log of a live run, the cause of a lost one

    def cells(self) -> list[str]:
        """The columns of the table as texts."""
        return [
            self.run,
            self.state,
            "" if self.metric is None else f"{self.metric:.4f}",
            self.job or "",
            self.node or "",
            "" if self.attempt is None else str(self.attempt),
            "" if self.elapsed_s is None else duration(self.elapsed_s),
            self.note,
        ]


def runs(study: Study | None, results: Path) -> None:
    """Print every run of the study (or of the results folder) with its state, and how many there are of each state."""
    lines = table(study, results, Path.cwd())
    header = ["run", "state", "metric", "job", "node", "attempt", "elapsed", "log or cause"]
    print("\n".join(columns([header, *(line.cells() for line in lines)], right=(2, 5, 6), width=terminal_width())))
    counts = Counter(line.state for line in lines)
    others = "".join(f", {counts[state]} {state}" for state in STATES[1:] if counts[state])
    print(f"{counts['ok']} of {len(lines)} runs ok{others}")


def table(study: Study | None, results: Path, workdir: Path) -> list[Line]:
    """The state of each run: of the newer of its row and its failure record, or of a live job where it has no row.

    Args:
        study: whose runs; None: all that the folder or a live job knows of.
        results: the results folder.
        workdir: where Snakemake was started: there its executor keeps account of its jobs.

    Raises:
        DynconvError: a run's file, the table of runs or a failure record is damaged; there is no such folder.
    """
    live = live_runs(workdir)
    failures = failures_below(results / "failures")
    if not (study or live or results.is_dir()):
        raise DynconvError(f"{results}: no such folder; valid: a results folder")
    if (results / "runs").is_dir():
        found = run_rows.files(results, [key.run_id for key in study.runs()] if study else None)
    else:  # of a merge, or the runs were removed once they were collected
        found = run_rows.of_table(results)
    names = [key.run_id for key in study.runs()] if study else sorted({*found, *failures, *live})
    died = after(failures, found, names)
    rows = run_rows.read(results, {name: time for name, time in found.items() if name not in died}, COLUMNS)
    return lines_of(names, live, rows, died)


def after(failures: dict[str, Path], found: dict[str, float], names: Iterable[str]) -> dict[str, Path]:
    """Of `names`, those whose failure record is newer than their files, with it."""
    died = {}
    for name in names:
        if name in failures:
            with contextlib.suppress(FileNotFoundError):  # removed since
                if name not in found or failures[name].stat().st_mtime > found[name]:
                    died[name] = failures[name]
    return died


def lines_of(
    names: Iterable[str], live: dict[str, Any], rows: dict[str, dict[str, Any]], died: dict[str, Path]
) -> list[Line]:
    """A line a run: of its row, else of a live job, else of its failure record.

    A job that is to make files anew finds none: the executor removes them before it submits it. Where there are files,
    the job is that of another study with the same run, started from the same folder.

    Raises:
        DynconvError: a failure record is damaged.
    """
    lines = []
    for name in names:
        job = live.get(name)
        if name in rows:
            line = _finished(name, rows[name])
        elif job and job.state in ("running", "queued"):
            line = Line(name, job.state, None, job.job_id, job.node, job.attempt, job.elapsed_s, _short(job.log))
        elif name in died:
            line = _died(name, died[name])
        elif job and job.state == "failed":  # the driver has not recorded it yet
            line = Line(name, "died", None, job.job_id, job.node, job.attempt, job.elapsed_s, _short(job.log))
        else:
            line = Line(name)
        lines.append(line)
    return lines


def live_jobs(workdir: Path) -> list[Any]:
    """The executor's jobs, whatever they do; none where it is not installed or has not been used."""
    try:
        from snakemake_executor_plugin_submitit import journal
    except ImportError:
        return []
    return journal.live_jobs(workdir)


def live_runs(workdir: Path) -> dict[str, Any]:
    """Those of the executor's jobs that train runs, by run_id."""
    return {job.name: job for job in live_jobs(workdir) if job.rule.startswith("train_")}


def failures_below(folder: Path) -> dict[str, Path]:
    """The failure records, by run_id."""
    return {str(file.relative_to(folder).with_suffix("")): file for file in sorted(folder.rglob("seed*.json"))}


def _finished(name: str, row: dict[str, Any]) -> Line:
    return Line(
        name,
        row["status"],
        row[PRIMARY_METRIC[row["task"]]],
        row["slurm_job_id"],
        row["hostname"],
        row["attempt"],
        row["train_s"],
        " ".join((row["failure"] or "").split()),
    )


def _died(name: str, file: Path) -> Line:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        row, cause = content["row"], str(content["failure"])
        return Line(
            name,
            "died",
            None,
            row.get("slurm_job_id"),
            row.get("hostname"),
            row.get("attempt"),
            row.get("train_s"),
            cause,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DynconvError(f"{file}: not a failure record: {type(error).__name__}: {error}") from None


def _short(path: Path) -> str:
    """Below the current folder as a relative path."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)
