"""What has been submitted and not yet been reported, so that a new driver finds it after the old one was killed.

One line of JSON an event in `.snakemake/submitit/journal.jsonl`, each on the disk before anything relies on it:

    {"event": "intent",    "batch": B, "tasks": [[[key, digest, name, rule, log, attempt], ...], ...], ...}
    {"event": "submitted", "batch": B, "cluster": "slurm", "id": "123", "array": true}
    {"event": "reported",  "batch": B, "items": [[task, item], ...]}
"""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from snakemake_executor_plugin_submitit.item import Status, read_status

FOLDER = Path(".snakemake/submitit")


@dataclass
class Entry:
    """An item as the journal knows it."""

    key: str
    digest: str
    name: str
    rule: str
    log: str
    attempt: int


@dataclass
class Batch:
    """One submission: a job or an array."""

    name: str
    folder: Path
    tasks: list[list[Entry]]
    request: dict[str, Any] = field(default_factory=dict)
    cluster: str = ""
    job_id: str = ""  # of the array, or of the one job
    array: bool = False
    reported: set[tuple[int, int]] = field(default_factory=set)

    @property
    def places(self) -> list[tuple[int, int]]:
        """(task, item) of every item."""
        return [(task, item) for task, entries in enumerate(self.tasks) for item in range(len(entries))]

    @property
    def over(self) -> bool:
        """Has every item been reported?"""
        return len(self.reported) >= len(self.places)

    def id_of(self, task: int) -> str:
        """Slurm's name of element `task`."""
        return f"{self.job_id}_{task}" if self.array else self.job_id


@dataclass
class LiveJob:
    """A job that a driver has submitted and not yet reported."""

    name: str
    rule: str
    state: str  # queued | running | finished | failed
    job_id: str
    node: str | None
    attempt: int
    elapsed_s: float | None
    log: Path
    gpus: int = 0  # of its cluster job, which the others of its pack share


class Journal:
    """The driver's side: one driver at a time in a working folder.

    Raises:
        BlockingIOError: another driver holds the folder; the message says which.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise OSError(f"{folder / 'lock'}: the file system has no locks ({error.strerror})") from None
            holder = os.read(self._lock, 200).decode() or "unknown"
            os.close(self._lock)
            raise BlockingIOError(f"another Snakemake with this executor is at work here ({holder})") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        self._file: IO[str] | None = None
        self.batches = {batch.name: batch for batch in read(folder)}
        self._rewrite()

    def add(self, event: str, batch: Batch, **content: Any) -> None:
        """Append one event; it is on the disk when this returns."""
        self.batches[batch.name] = batch
        assert self._file
        self._file.write(json.dumps({"event": event, "batch": batch.name, **content}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def intend(self, batch: Batch) -> None:
        """Before a submission: what it will hold."""
        self.add("intent", batch, **_intent(batch))

    def submitted(self, batch: Batch) -> None:
        """After a submission: its number."""
        self.add("submitted", batch, cluster=batch.cluster, id=batch.job_id, array=batch.array)

    def reported(self, batch: Batch, items: list[tuple[int, int]]) -> None:
        """Snakemake knows how these items ended; a later start has nothing to adopt from them."""
        batch.reported.update(items)
        self.add("reported", batch, items=items)

    def drop(self, batch: Batch) -> None:
        """Forget a batch of which everything is reported."""
        self.batches.pop(batch.name, None)

    def close(self) -> None:
        """Give the folder free."""
        self._rewrite()
        if self._file:
            self._file.close()
        os.close(self._lock)

    def _rewrite(self) -> None:
        """Leave out what is over."""
        if self._file:
            self._file.close()
        scratch = self.path.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as file:
            for batch in self.batches.values():
                events: list[dict[str, Any]] = [{"event": "intent", "batch": batch.name, **_intent(batch)}]
                if batch.job_id:
                    ids = {"cluster": batch.cluster, "id": batch.job_id, "array": batch.array}
                    events.append({"event": "submitted", "batch": batch.name, **ids})
                if batch.reported:
                    events.append({"event": "reported", "batch": batch.name, "items": sorted(batch.reported)})
                file.writelines(json.dumps(event) + "\n" for event in events)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, self.path)
        self._file = self.path.open("a", encoding="utf-8")


def read(folder: Path) -> list[Batch]:
    """The batches of the journal in `folder` that have something unreported; a torn last line does not count."""
    batches: dict[str, Batch] = {}
    try:
        lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        name = event["batch"]
        if event["event"] == "intent":
            tasks = [[Entry(*entry) for entry in task] for task in event["tasks"]]
            batches[name] = Batch(name, folder / "batches" / name, tasks, event["request"])
        elif event["event"] == "submitted":
            batch = batches[name]
            batch.cluster, batch.job_id, batch.array = event["cluster"], event["id"], event["array"]
        else:
            batches[name].reported.update((task, item) for task, item in event["items"])
    return [batch for batch in batches.values() if not batch.over]


def statuses(
    batch: Batch, but: Collection[tuple[int, int]] = ()
) -> tuple[dict[int, dict[str, Any]], dict[tuple[int, int], dict[int, Status]]]:
    """What the batch's jobs have written: {task: its start}, {(task, item): {rank: its status}}, no items of `but`."""
    starts: dict[int, dict[str, Any]] = {}
    ends: dict[tuple[int, int], dict[int, Status]] = {}
    try:
        names = [entry.name for entry in os.scandir(batch.folder / "status")]
    except FileNotFoundError:
        names = []
    for name in names:
        if name.startswith("."):
            continue
        task, *rest = name.removesuffix(".json").split(".")
        path = batch.folder / "status" / name
        if rest == ["start"]:
            starts[int(task)] = json.loads(path.read_text(encoding="utf-8"))
        elif (place := (int(task), int(rest[0]))) not in but:
            ends.setdefault(place, {})[int(rest[1])] = read_status(path)
    return starts, ends


def live_jobs(workdir: Path) -> list[LiveJob]:
    """What the last driver in `workdir` has submitted and not reported: from files, without asking the cluster."""
    jobs = []
    for batch in read(workdir / FOLDER):
        if not batch.job_id:
            continue
        starts, ends = statuses(batch, batch.reported)  # thousands of ends need not be read again
        gpus = (batch.request.get("gpus_per_node") or 0) * (batch.request.get("nodes") or 1)
        for task, entries in enumerate(batch.tasks):
            start = starts.get(task, {})
            slots = batch.request.get("pack_concurrency", 1) if start else 0
            for number, entry in enumerate(entries):
                if (task, number) in batch.reported:
                    continue
                end = ends.get((task, number), {}).get(0)
                state = {"ok": "finished", "failed": "failed"}.get(end.state if end else "")
                if state is None:  # items start in their order
                    state = "running" if slots > 0 else "queued"
                    slots -= 1
                elapsed = end.ended - end.started if end else time.time() - start["time"] if start else None
                jobs.append(
                    LiveJob(
                        entry.name,
                        entry.rule,
                        state,
                        batch.id_of(task),
                        start.get("node"),
                        entry.attempt + start.get("restart", 0),
                        elapsed,
                        workdir / entry.log,
                        gpus,
                    )
                )
    return jobs


def _intent(batch: Batch) -> dict[str, Any]:
    entries = [[list(vars(entry).values()) for entry in task] for task in batch.tasks]
    return {"tasks": entries, "request": batch.request}
