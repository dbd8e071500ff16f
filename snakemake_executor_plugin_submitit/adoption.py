"""What a driver before this one left behind: taken over, not submitted twice."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_submitit import causes
from snakemake_executor_plugin_submitit.cluster import Busy, Cluster
from snakemake_executor_plugin_submitit.item import Status
from snakemake_executor_plugin_submitit.journal import Batch, Entry, Journal, statuses
from snakemake_executor_plugin_submitit.work import Work

_CANCEL_S = 90  # Slurm's KillWait is 30 s by default


class Adoption:
    """The unreported items of the journal, by the key of their job.

    Raises:
        WorkflowError: jobs of the earlier driver run on another cluster, where this one cannot see them.
    """

    def __init__(self, journal: Journal, cluster: Cluster, logger: Any):
        self.journal, self.cluster, self.logger = journal, cluster, logger
        self.cancelled: set[str] = set()  # jobs ended by this executor: what else they held runs again
        self._left: dict[str, list[tuple[Batch, int, int, Entry, Status | None]]] = {}
        for batch in list(journal.batches.values()):
            self._read(batch)
        self._over = self._cancelled_before()
        if self._left:
            logger.info(f"{sum(map(len, self._left.values()))} jobs of an earlier start are taken over where they fit.")

    def _read(self, batch: Batch) -> None:
        if not batch.job_id:  # the driver died during the submission
            batch.job_id = self.cluster.find(batch.name) or ""
            if not batch.job_id:
                self.journal.reported(batch, batch.places)
                self.journal.drop(batch)
                shutil.rmtree(batch.folder, ignore_errors=True)
                return
            batch.cluster, batch.array = self.cluster.name, len(batch.tasks) > 1
            self.journal.submitted(batch)
        _, ends = statuses(batch)
        for task, entries in enumerate(batch.tasks):
            for number, entry in enumerate(entries):
                if (task, number) in batch.reported:
                    continue
                end = _end(ends.get((task, number), {}), batch)
                if end is None and batch.cluster != self.cluster.name:
                    raise WorkflowError(
                        f"jobs of an earlier start may still run on {batch.cluster} ({batch.job_id}): start with "
                        f"--submitit-cluster {batch.cluster}, or cancel them and remove {self.journal.folder}"
                    )
                self._left.setdefault(entry.key, []).append((batch, task, number, entry, end))

    def _cancelled_before(self) -> set[str]:
        """Jobs that somebody ended while no driver was there: whoever starts a driver now wants them to run."""
        lefts = [left for lefts in self._left.values() for left in lefts]
        ids = {batch.id_of(task) for batch, task, _, _, end in lefts if end is None}
        try:
            states = self.cluster.states(ids) if ids else {}
        except Busy:
            return set()
        return {name for name, state in states.items() if causes.of_state(state.state) == causes.CANCELLED}

    def take(self, work: Work, forced: bool = False) -> Batch | None:
        """The batch in which this very job runs or has just finished, or None: then it is to be submitted.

        `forced`: it is to run anew, whatever there is.
        """
        adopted = None
        for batch, task, number, entry, end in reversed(self._left.pop(work.item.key, [])):
            if end is None and batch.id_of(task) in self._over:
                self.journal.reported(batch, [(task, number)])
                continue
            same = entry.digest == work.item.digest and adopted is None and not forced
            if (end is None and same) or (end is not None and end.state == "ok" and same and _good(work.job, end)):
                adopted = batch
            else:
                if end is None:
                    why = "is to run anew" if forced else "has changed since"
                    self.logger.info(f"Cancelling job {batch.id_of(task)}: {work.item.name} {why}.")
                    self._cancel(batch.id_of(task))
                self.journal.reported(batch, [(task, number)])
                continue
            work.batch, work.place, work.item.attempt = batch, (task, number), entry.attempt
            work.item.log = entry.log
            if len(batch.tasks[task]) == 1:  # it may have been given more after a first failure
                asked = {name: batch.request[name] for name in ("mem_mb", "runtime") if batch.request[name]}
                work.request = replace(work.request, **asked)
        return adopted

    def _cancel(self, job_id: str) -> None:
        """End a job and wait for it: two must not write the same files."""
        self.cancelled.add(job_id)
        self.cluster.cancel([job_id])
        until = time.monotonic() + _CANCEL_S
        while time.monotonic() < until:
            try:
                state = self.cluster.states([job_id]).get(job_id)
            except Busy:
                state = None
            if state is None or state.state not in causes.LIVE:
                return
            time.sleep(1)
        raise WorkflowError(f"job {job_id} does not end: cancel it by hand")


def _end(by_rank: dict[int, Status], batch: Batch) -> Status | None:
    """How an item ended, if it did."""
    final = [status for status in by_rank.values() if status.state != "stopped"]
    failed = [status for status in final if status.state == "failed"]
    ranks = batch.request["nodes"] * batch.request["tasks_per_node"]
    return failed[0] if failed else final[0] if len(final) == ranks else None


def _good(job: Any, end: Status) -> bool:
    """All outputs are there, and no input changed after the job began."""
    outputs = all(Path(file).exists() for file in job.output)
    return outputs and all(Path(file).stat().st_mtime <= end.started for file in job.input if Path(file).exists())
