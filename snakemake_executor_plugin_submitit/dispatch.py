"""The queue of works that wait for their submission, and how they become packs, arrays and cluster jobs."""

import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_submitit.cluster import Busy, Cluster
from snakemake_executor_plugin_submitit.direct import shell_words
from snakemake_executor_plugin_submitit.helper import Helper
from snakemake_executor_plugin_submitit.journal import FOLDER, Batch, Journal
from snakemake_executor_plugin_submitit.resources import Request
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.work import Work, make_batch, packs

_PATIENCE = 5  # submissions in a row that the controller may refuse "for now" before the first that it takes
_LONGEST_WAIT_S = 60.0

Sent = tuple[Batch, list[Work]]


class Dispatcher:
    """Takes works at any time from any thread; submits them when `submit` is called.

    Args:
        cluster: where to.
        journal: of what was submitted.
        settings: how many, how long to wait.
        cwd: the working folder of the jobs.
        slots: CPUs that the local cluster may use at a time.
        logger: Snakemake's.
    """

    def __init__(
        self, cluster: Cluster, journal: Journal, settings: ExecutorSettings, cwd: Path, slots: int, logger: Any
    ):
        self.cluster, self.journal, self.settings = cluster, journal, settings
        self.cwd, self.slots, self.logger = cwd, slots, logger
        self._mutex = threading.Lock()
        self._waiting: list[Work] = []
        self._added = self._not_before = 0.0
        self._refusals, self._accepted, self._closed = 0, False, False
        self._idle = True  # nothing of this driver's is in the cluster's hands
        self._largest = cluster.array_size  # array that the cluster's limits on a user's jobs let through
        self._refused_works: list[tuple[Work, str]] = []
        self._helper: Helper | None = None  # the local cluster's: one for all packs

    def add(self, works: list[Work]) -> None:
        """Queue works."""
        with self._mutex:
            if not self._waiting:
                self._added = time.monotonic()
            self._waiting += works

    def close(self) -> None:
        """Submit nothing more."""
        self._closed = True

    def end_helper(self) -> None:
        """End what was started beside the jobs."""
        if self._helper:
            self._helper.close()
            self._helper = None

    def refused(self) -> list[tuple[Work, str]]:
        """Works that the cluster refuses to run again as they now are (more memory than any node has), and why."""
        refused, self._refused_works = self._refused_works, []
        return refused

    def submit(self, running: Iterable[Work]) -> Iterable[Sent]:
        """Submit what can be submitted now; yields each batch as soon as the cluster has it.

        Args:
            running: works that occupy this machine (the local cluster's CPUs are handed out here).
        """
        now = time.monotonic()
        if not self._waiting or now < self._not_before or self._closed:
            return
        if self.cluster.name == "local":
            yield from self._submit_locally(list(running))
            return
        self._idle = not any(True for _ in running)
        if now - self._added < self.settings.gather_seconds:
            return
        with self._mutex:
            works, self._waiting = self._waiting, []
        groups = [(request, chunks) for request, chunks in packs(works)]
        while groups and not self._closed and now >= self._not_before:
            request, chunks = groups.pop(0)
            size = min(self._largest, self.cluster.array_size)
            if chunks[size:]:
                groups.insert(0, (request, chunks[size:]))
            yield from self._send(request, chunks[:size])
        with self._mutex:  # what a refusal has put off
            self._waiting += [work for _, chunks in groups for chunk in chunks for work in chunk]

    def _submit_locally(self, running: list[Work]) -> Iterable[Sent]:
        """Start as many as there are free CPUs for; packs get smaller towards the end, so that all end together."""
        jobs: dict[str, list[Work]] = {}
        for work in running:
            jobs.setdefault(work.job_id, []).append(work)
        used = sum(_cpus(works[0].request, len(works)) for works in jobs.values())
        while self._waiting and not self._closed:
            request = self._waiting[0].request
            if used and used + _cpus(request, 1) > self.slots:
                return
            with self._mutex:
                same = [work for work in self._waiting if work.request == request]
                share = -(-len(same) * request.cpus_per_task // (2 * self.slots))
                chunk = same[: max(1, min(request.pack, share))]
                chosen = set(map(id, chunk))
                self._waiting = [work for work in self._waiting if id(work) not in chosen]
            used += _cpus(request, len(chunk))
            yield from self._send(request.of_pack(len(chunk)), [chunk])

    def _send(self, request: Request, chunks: list[list[Work]]) -> Iterable[Sent]:
        works = [work for chunk in chunks for work in chunk]
        helper = f"{shell_words(works[0].job)[1]} {request.pack_helper}" if request.pack_helper else None
        socket = None
        if helper and self.cluster.name == "local":
            if request.pack > 1 and self._helper is None:
                self._helper = Helper(helper, str(self.cwd))
            helper, socket = None, self._helper and self._helper.socket
        batch = make_batch(
            self.cwd / FOLDER, request, chunks, self.cwd, helper,
            socket=socket, signal_s=request.signal_before(self.settings.signal_seconds),
            max_requeues=self.settings.max_requeues, submitted=time.time(),
        )  # fmt: skip
        self.journal.intend(batch)
        rules = sorted({work.item.rule for work in works})
        try:
            batch.job_id = self.cluster.submit(batch.folder, request, len(chunks), rules[0] if len(rules) == 1 else "")
        except Busy as error:
            self._refused(batch, works, error)
            return
        except WorkflowError as error:
            if not self._accepted:  # nothing has run yet: most likely a wrong line in the profile
                raise
            for work in works:
                work.batch = None
            self._refused_works += [(work, str(error)) for work in works]
            self._forget(batch)
            return
        self._accepted, self._refusals = True, 0
        self._largest = min(self.cluster.array_size, 2 * self._largest)
        batch.cluster, batch.array = self.cluster.name, len(chunks) > 1
        self.journal.submitted(batch)
        if self.cluster.name != "local":
            jobs = f"array {batch.job_id} of {len(chunks)} jobs" if batch.array else f"job {batch.job_id}"
            self.logger.info(f"Submitted {jobs}: {len(works)} x {', '.join(rules)}")
        yield batch, works

    def _refused(self, batch: Batch, works: list[Work], error: Busy) -> None:
        """Not now: wait, and make sure that it did not arrive after all."""
        try:
            found = self.cluster.find(batch.name)
        except Busy:
            found = None
        if found:
            self.cluster.cancel([found])
        self._forget(batch)
        self._refusals += 1
        if "limit" in str(error).lower():
            self._largest = max(1, len(batch.tasks) // 2)
        # Later, with nothing of its own in the queue, it waits twice as long before it believes in "never".
        if self._refusals >= (2 * _PATIENCE if self._accepted else _PATIENCE) and (self._idle or not self._accepted):
            raise WorkflowError(f"Slurm did not take a job in {self._refusals} tries: {error}")
        self.logger.info(f"Slurm does not take jobs now ({error}); trying again.")
        with self._mutex:
            self._waiting = works + self._waiting
            self._not_before = time.monotonic() + min(_LONGEST_WAIT_S, 2.0**self._refusals)

    def _forget(self, batch: Batch) -> None:
        self.journal.drop(batch)
        shutil.rmtree(batch.folder, ignore_errors=True)


def _cpus(request: Request, items: int) -> int:
    return request.cpus_per_task * request.ranks * min(request.pack_concurrency, items)
