"""How the runs stand that are not finished, and the rows of those that died."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynconv import listing_runs, records
from dynconv.errors import DynconvError
from dynconv.snapshot.gather import Gathered
from dynconv.study import RunKey

STATES = ("ok", "failed", "running", "queued", "died", "outdated", "missing")
LIVE = ("running", "queued")


@dataclass(frozen=True)
class Unfinished:
    """One run that has no row of its own making yet."""

    run: str
    state: str  # running | queued | died | outdated | missing
    job: str | None = None
    node: str | None = None
    attempt: int | None = None
    elapsed_s: float | None = None
    note: str = ""  # why it died, or cannot be read

    def plain(self) -> dict[str, Any]:
        """For JSON, without what is not known."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


class States:
    """Looks at the jobs and the failure records when it is made; what has finished by then is told afterwards."""

    def __init__(self, results: Path, workdir: Path) -> None:
        self._live = listing_runs.live_runs(workdir)
        self._failures = listing_runs.failures_below(results / "failures")
        self._rows: dict[str, dict[str, Any]] = {}

    def died(self, keys: Sequence[RunKey], found: Gathered) -> list[pa.Table]:
        """Failed rows of `runs` for those that left a failure record, no files, and are not being made again."""
        tables = []
        for key in keys:
            name = key.run_id
            job = self._live.get(name)
            if name in found.status or name not in self._failures or (job and job.state in LIVE):
                continue
            try:
                content = json.loads(self._failures[name].read_text(encoding="utf-8"))
                row = content["row"] | {"status": "failed", "failure": content["failure"]}
                if {column: row[column] for column in key._fields} != key._asdict():
                    raise ValueError("it is another run's")
                tables.append(records.to_table("runs", [row], name))
                self._rows[name] = row
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, DynconvError) as error:
                found.damaged[name] = f"{self._failures[name]}: not a failure record: {error}"
        return tables

    def unfinished(self, keys: Sequence[RunKey], found: Gathered) -> list[Unfinished]:
        """Those of `keys` that are not in the tables with files of their own, in their order."""
        outdated = set(found.outdated)
        return [self._of(key.run_id, found, outdated) for key in keys if key.run_id not in found.status]

    def _of(self, name: str, found: Gathered, outdated: set[str]) -> Unfinished:
        job, row = self._live.get(name), self._rows.get(name)
        if job and job.state in LIVE:
            return Unfinished(name, job.state, job.job_id, job.node, job.attempt, job.elapsed_s)
        if row:
            job_id, node, attempt = (row.get(column) for column in ("slurm_job_id", "hostname", "attempt"))
            return Unfinished(name, "died", job_id, node, attempt, None, " ".join(str(row["failure"]).split()))
        if job and job.state == "failed":  # the driver has not recorded it yet
            return Unfinished(name, "died", job.job_id, job.node, job.attempt, job.elapsed_s)
        return Unfinished(name, "outdated" if name in outdated else "missing", note=found.damaged.get(name, ""))
