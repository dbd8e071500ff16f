"""The driver's view of what it has to do: Snakemake jobs as works, cluster jobs as tasks, submissions as batches."""

import json
import os
import uuid
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_submitit import item as files
from snakemake_executor_plugin_submitit.causes import History
from snakemake_executor_plugin_submitit.item import Item, Status, Task
from snakemake_executor_plugin_submitit.journal import Batch, Entry
from snakemake_executor_plugin_submitit.resources import Request


@dataclass
class Work:
    """A Snakemake job on its way."""

    job: Any
    item: Item
    request: Request
    history: History = field(default_factory=History)
    batch: Batch | None = None  # where it was submitted last
    place: tuple[int, int] = (0, 0)  # task and item in that batch
    statuses: dict[int, Status] = field(default_factory=dict)  # by rank
    nested: bool = False  # runs Snakemake on the node
    cause: str = ""  # why it was submitted again
    snakemake_retries: bool = False  # the rule has `retries`: Snakemake tries again, not this executor

    @property
    def job_id(self) -> str:
        """The cluster's name of its job."""
        return self.batch.id_of(self.place[0]) if self.batch else ""


def packs(works: list[Work]) -> Iterable[tuple[Request, list[list[Work]]]]:
    """Group works by what they ask for, and each group into packs; all packs of a group ask for the same."""
    groups: dict[Request, list[Work]] = {}
    for work in works:
        groups.setdefault(work.request, []).append(work)
    for request, group in groups.items():
        # Even packs: 17 runs in packs of 16 are 9 and 8.
        count = -(-len(group) // request.pack)
        chunks = [group[index::count] for index in range(count)]
        yield request.of_pack(len(chunks[0])), chunks


def make_batch(
    folder: Path, request: Request, chunks: list[list[Work]], cwd: Path, helper: str | None, **limits: Any
) -> Batch:
    """Write the files of a new batch; `limits` are further fields of its tasks."""
    name = uuid.uuid4().hex
    batch = Batch(name, folder / "batches" / name, [], asdict(request))
    for place in (folder / "batches", batch.folder, batch.folder / "tasks", batch.folder / "status"):
        place.mkdir(mode=0o700, exist_ok=True)
    for index, chunk in enumerate(chunks):
        task = Task(
            [work.item for work in chunk],
            str(cwd),
            request.ranks,
            request.tasks_per_node,
            request.pack_concurrency,
            request.runtime and request.runtime * 60,
            helper=helper if len(chunk) > 1 else None,
            **limits,
        )
        files.write(batch.folder / "tasks" / f"{index}.json", task)
        batch.tasks.append([entry_of(work.item) for work in chunk])
        for number, work in enumerate(chunk):
            work.batch, work.place, work.statuses = batch, (index, number), {}
    return batch


def entry_of(item: Item) -> Entry:
    """What the journal keeps of an item."""
    return Entry(item.key, item.digest, item.name, item.rule, item.log, item.attempt)


class Watch:
    """Notices new status files of one batch, reading each once."""

    def __init__(self, batch: Batch):
        self.batch = batch
        self._seen: set[str] = set()

    def look(self, wanted: Container[tuple[int, int]]) -> list[tuple[int, int, int, Status]]:
        """(task, item, rank, status) of what is new; a `stopped` one is told every time until it is continued.

        What is not `wanted` stays unread: a driver adopts the items of an old batch one after another.
        """
        new = []
        try:
            names = os.listdir(self.batch.folder / "status")  # noqa: PTH208 - names are all that is needed
        except OSError:  # a network file system has its moments; Slurm's state tells in the end
            return []
        for name in names:
            if name in self._seen or name.startswith("."):
                continue
            task, *rest = name.removesuffix(".json").split(".")
            if rest == ["start"] or (int(task), int(rest[0])) not in wanted:
                continue
            try:
                status = files.read_status(self.batch.folder / "status" / name)
            except OSError:
                continue
            if status.state != "stopped":
                self._seen.add(name)
            new.append((int(task), int(rest[0]), int(rest[1]), status))
        return new

    def start(self, task: int) -> dict[str, Any] | None:
        """What a task wrote when it (last) started."""
        try:
            return json.loads((self.batch.folder / "status" / f"{task}.start.json").read_text(encoding="utf-8"))
        except OSError:
            return None
