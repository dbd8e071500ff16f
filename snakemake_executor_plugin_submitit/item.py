"""What the driver tells a job, and what the job tells the driver: small JSON files in the batch's folder.

    <batch>/tasks/<index>.json            the items of one cluster job (one element of the array)
    <batch>/status/<index>.start.json     the cluster job has started (written again at each start, and when it stops)
    <batch>/status/<index>.<item>.<rank>.json   how an item ended

Imports nothing that is slow: it is read inside every job.
"""

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Item:
    """One Snakemake job, ready to run."""

    key: str  # of the job: rule and outputs
    digest: str  # of what it does: command, inputs, parameters
    name: str
    rule: str
    script: str
    shell: str  # absolute path of the shell
    env: dict[str, str]
    log: str
    outputs: list[str]  # files that a start leaves behind when it is cut off, removed before the next
    own_logs: list[str]  # the rule's `log:`, for the error message
    benchmark: str | None = None
    attempt: int = 1


@dataclass
class Task:
    """One cluster job."""

    items: list[Item]
    cwd: str
    ranks: int = 1
    tasks_per_node: int = 1
    concurrency: int = 1
    limit_s: int | None = None
    signal_s: int = 90
    max_requeues: int = 200
    submitted: float | None = None  # when it was given to the cluster, by the driver's clock (s since 1970)
    helper: str | None = None  # command to start beside the items
    socket: str | None = None  # ... or the socket of one that runs already


@dataclass
class Status:
    """How one item (on one rank) ended."""

    state: str  # ok | failed | stopped (in good order, to be continued)
    exit_code: int = 0  # negative: killed by that signal
    cause: str = ""
    job_id: str = ""
    node: str = ""
    rank: int = 0
    attempt: int = 1
    started: float = 0.0
    ended: float = 0.0
    notes: list[str] = field(default_factory=list)


def write(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    data = content if isinstance(content, dict) else asdict(content)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)


def read_task(path: Path) -> Task:
    """The task of `path`.

    Raises:
        PermissionError: somebody else owns the file or its folders, or may write there: they could run anything.
    """
    for place in (path, path.parent, path.parent.parent):
        info = place.stat()
        if info.st_uid != os.getuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(f"{place}: must belong to this user and be writable by nobody else")
    data = json.loads(path.read_text(encoding="utf-8"))
    return Task(**data | {"items": [Item(**item) for item in data["items"]]})


def read_status(path: Path) -> Status:
    """The status of `path`."""
    return Status(**json.loads(path.read_text(encoding="utf-8")))
