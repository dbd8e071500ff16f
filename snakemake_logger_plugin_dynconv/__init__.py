"""A Snakemake logger that shows a benchmark's progress: `snakemake --logger dynconv`.

One line a finished run (done / total, metric, seconds, time left), one a finished step of the rest.  Warnings and
errors look as they do without it.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

_METRICS = ("miou", "accuracy")


class LogHandler(LogHandlerBase):
    """Prints to stderr.  Snakemake finds this class by its name."""

    def __post_init__(self) -> None:
        self.jobs: dict[int, dict[str, Any]] = {}
        self.total_runs = self.done_runs = 0
        self.started = time.monotonic()

    writes_to_stream = property(lambda self: True)
    writes_to_file = property(lambda self: False)
    has_filter = property(lambda self: False)
    has_formatter = property(lambda self: False)
    needs_rulegraph = property(lambda self: False)

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record's line, if it deserves one."""
        try:
            line = self._line(record)
            if line:
                print(line, file=sys.stdout if self.common_settings.stdout else sys.stderr, flush=True)
        except Exception:
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> str | None:
        event = getattr(record, "event", None)
        if record.levelno >= logging.WARNING or self.common_settings.dryrun or self.common_settings.verbose:
            return self.format(record)
        if event == LogEvent.RUN_INFO:
            stats = getattr(record, "stats", {})
            self.total_runs = sum(count for rule, count in stats.items() if rule.startswith("train_"))
            self.started = time.monotonic()
            return f"{stats.get('total', '?')} steps to do, {self.total_runs} of them training runs"
        if event == LogEvent.JOB_INFO:
            self.jobs[record.__dict__["jobid"]] = record.__dict__
            return None
        if event == LogEvent.JOB_FINISHED:
            return self._finished(record.__dict__["job_id"])
        # What an executor has to say: what it submitted, what it tries again and why.
        if event is None and ("Nothing to be done" in record.getMessage() or "_executor_plugin_" in record.pathname):
            return record.getMessage()
        return None

    def _finished(self, jobid: int) -> str | None:
        job = self.jobs.pop(jobid, None)
        if job is None or job["rule_name"] == "all":
            return None
        where = " · ".join(_words(job))
        if not job["rule_name"].startswith("train_"):
            name = "tune" if job["rule_name"].startswith("tune_") else job["rule_name"]
            return f"  {name:<9} {where}".rstrip()
        self.done_runs += 1
        left = (time.monotonic() - self.started) / self.done_runs * (self.total_runs - self.done_runs)
        counter = f"[{self.done_runs:>{len(str(self.total_runs))}}/{self.total_runs}]"
        return f"{counter} {where}  {_result(job)}  {_left(left)}"


def _words(job: dict[str, Any]) -> list[str]:
    words = dict(job["wildcards"] or {})
    variant = words.pop("variant", job["rule_name"].partition("_")[2] if {"seed", "trial"} & set(words) else None)
    numbers = [f"{name} {words.pop(name)}" for name in ("seed", "trial") if name in words]
    return [*words.values(), *([variant] if variant else []), *numbers]


def _result(job: dict[str, Any]) -> str:
    """The run's metric and duration, or its failure, from the file that it has just written."""
    import pyarrow.parquet as pq

    files = [file for file in job["output"] if Path(file).name == "run.parquet"]
    if not files:
        return ""
    row = pq.read_table(files[0]).to_pylist()[0]
    if row["status"] != "ok":
        return f"failed: {row['failure']}"
    metric = next((f"{name} {row[name]:.3f}" for name in _METRICS if row.get(name) is not None), "ok")
    if row["started_at"] is None or row["finished_at"] is None:  # a workflow rule of the user's need not tell
        return metric
    # The run's own time: since Snakemake handed it over it may have waited for hours.
    return f"{metric}  {(row['finished_at'] - row['started_at']).total_seconds():.1f} s"


def _left(seconds: float) -> str:
    if seconds < 1:
        return "done"
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
