"""What the picture shows, read again and again: what is known already is not read a second time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dynconv import listing_runs, records, run_rows
from dynconv.errors import DynconvError
from dynconv.listing_runs import Line
from dynconv.stats import verdict
from dynconv.study import Study
from dynconv.watch.pace import UNKNOWN, Pace, pace

_COLUMNS = (*listing_runs.COLUMNS, "dataset", "variant", "started_at", "finished_at")
_ROUNDS = 20  # looks after which every finished run has been looked at again: Snakemake may have deleted it
_TAIL = 4096  # bytes of a log's end
LIVE = ("running", "queued")


@dataclass(frozen=True)
class Answer:
    """The newest comparison: where it is, when it was written, and what it says."""

    folder: Path
    written: float
    lines: list[verdict.Line]


@dataclass(frozen=True)
class Picture:
    """Everything at one moment; `jobs` are (running cluster jobs with a GPU, without one)."""

    name: str
    now: float
    lines: list[Line]
    pace: Pace = UNKNOWN
    jobs: tuple[int, int] = (0, 0)
    steps: list[str] = field(default_factory=list)  # what else runs or waits: "2 profile"
    failures: list[tuple[str, str]] = field(default_factory=list)  # (run, cause), the latest first
    answer: Answer | None = None
    live: bool = True


class Watcher:
    """Looks at a study's folders, or at a results folder where there is no study.

    Args:
        study: whose runs; None: all that the folder or a live job knows of.
        results: the results folder.
        workdir: where Snakemake was started.
    """

    def __init__(self, study: Study | None, results: Path, workdir: Path) -> None:
        self.study, self.results, self.workdir = study, results, workdir
        self._names = [key.run_id for key in study.runs()] if study else None
        self._found: dict[str, float] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._answer: tuple[Path, float, Answer | None] | None = None
        self._round = 0

    def look(self) -> Picture:
        """The state of everything now.

        Raises:
            DynconvError: a run's file or a failure record is damaged.
        """
        now = time.time()
        jobs = listing_runs.live_jobs(self.workdir)
        live = {job.name: job for job in jobs if job.rule.startswith("train_")}
        failures = listing_runs.failures_below(self.results / "failures")
        self._read(live)
        names = self._names if self._names is not None else sorted({*self._found, *failures, *live})
        died = listing_runs.after(failures, self._found, names)
        rows = {name: row for name, row in self._rows.items() if name not in died}
        lines = listing_runs.lines_of(names, live, rows, died)
        busy = [job for job in jobs if job.state in LIVE]
        cluster = {job.job_id: job.gpus for job in busy if job.state == "running"}
        with_gpu = sum(gpus > 0 for gpus in cluster.values())
        return Picture(
            name=self.study.name if self.study else str(self.results),
            now=now,
            lines=lines,
            pace=pace(map(_seconds, rows.values()), [_cell(line.run) for line in lines if _open(line)], now),
            jobs=(with_gpu, len(cluster) - with_gpu),
            steps=_steps(busy),
            failures=self._latest(lines, died),
            answer=self._newest(),
            live=bool(busy),
        )

    def last_lines(self, runs: Sequence[str]) -> dict[str, str]:
        """The last line of each run's own log: its epoch, usually."""
        return {run: _last_line(self.workdir / "logs/train" / f"{run}.log") for run in runs}

    def _read(self, live: dict[str, Any]) -> None:
        """Look for files of the unfinished, of those with a job, and of some of the finished; read what is new."""
        self._round += 1
        if self._names is None:
            wanted = None
        else:
            again = [name for place, name in enumerate(self._names) if (place + self._round) % _ROUNDS == 0]
            wanted = [*{*again, *live, *(name for name in self._names if name not in self._found)}]
        found = run_rows.files(self.results, wanted)
        for name in wanted if wanted is not None else list(self._found):
            if name not in found:
                self._found.pop(name, None)
                self._rows.pop(name, None)
        new = {name: written for name, written in found.items() if self._found.get(name) != written}
        if new:
            rows = run_rows.read(self.results, new, _COLUMNS)
            self._rows |= rows
            self._found |= {name: new[name] for name in rows}

    def _latest(self, lines: list[Line], died: dict[str, Path]) -> list[tuple[str, str]]:
        """Failed and lost runs with their causes, the latest first."""

        def when(line: Line) -> float:
            try:
                return died[line.run].stat().st_mtime if line.run in died else self._found.get(line.run, 0.0)
            except FileNotFoundError:
                return 0.0

        failed = sorted((line for line in lines if line.state in ("failed", "died")), key=when, reverse=True)
        return [(line.run, line.note) for line in failed]

    def _newest(self) -> Answer | None:
        """What the newest comparison says: of the whole study, or of a snapshot."""
        times = {}
        for folder in (self.results / "stats", self.results / "snapshot/stats"):
            try:
                times[folder] = (folder / "pairwise.parquet").stat().st_mtime
            except (FileNotFoundError, NotADirectoryError):
                continue
        if not times:
            return None
        folder = max(times, key=times.__getitem__)
        if self._answer and self._answer[:2] == (folder, times[folder]):
            return self._answer[2]
        family = next(iter(self.study.analysis.families)) if self.study else "primary"
        try:
            pairwise = records.read("pairwise", folder / "pairwise.parquet").to_pandas()
            found = Answer(folder, times[folder], verdict.lines(pairwise, family))
        except DynconvError:  # replaced while it was read: next time
            return self._answer[2] if self._answer else None
        self._answer = folder, times[folder], found
        return found


def _open(line: Line) -> bool:
    return line.state not in ("ok", "failed")


def _cell(run: str) -> tuple[str, str]:
    dataset, variant, _ = run.rsplit("/", 2)
    return dataset, variant


def _seconds(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: row[name] and row[name].timestamp() for name in ("started_at", "finished_at")}
    return {name: row[name] for name in ("dataset", "variant", "train_s")} | times


def _steps(busy: list[Any]) -> list[str]:
    """What else than training is under way."""
    counts: dict[str, int] = {}
    for job in busy:
        if not job.rule.startswith("train_"):
            counts[job.rule] = counts.get(job.rule, 0) + 1
    return [f"{count} {rule}" for rule, count in counts.items()]


def _last_line(file: Path) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL))
            lines = log.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    # A progress bar writes over its line again and again: what stands there is its last form.
    texts = (line.rstrip().rsplit("\r", 1)[-1].strip() for line in reversed(lines))
    return next((text for text in texts if text), "")
