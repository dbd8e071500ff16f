"""The works that the cluster has and that have not ended."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

from snakemake_executor_plugin_submitit.item import Status
from snakemake_executor_plugin_submitit.journal import Batch, Journal
from snakemake_executor_plugin_submitit.work import Watch, Work


class Live:
    """Works by batch; safe to use from several threads."""

    def __init__(self, journal: Journal):
        self._journal = journal
        self._mutex = threading.RLock()
        self._works: dict[str, dict[tuple[int, int], Work]] = {}
        self._watches: dict[str, Watch] = {}

    def follow(self, batch: Batch, works: list[Work]) -> None:
        """From now on wait for these."""
        with self._mutex:
            self._works.setdefault(batch.name, {}).update({work.place: work for work in works})
            self._watches.setdefault(batch.name, Watch(batch))

    def works(self) -> list[Work]:
        """All of them."""
        with self._mutex:
            return [work for works in self._works.values() for work in works.values()]

    def job_ids(self) -> list[str]:
        """The jobs and arrays that they are in, each once."""
        return sorted({work.batch.job_id for work in self.works() if work.batch})

    def news(self) -> Iterator[tuple[Work, Status]]:
        """Each new status file, noted in its work."""
        with self._mutex:
            watches = [(self._watches[name], frozenset(works)) for name, works in self._works.items() if works]
        for watch, wanted in watches:
            for task, number, rank, status in watch.look(wanted):
                with self._mutex:
                    work = self._works.get(watch.batch.name, {}).get((task, number))
                if work is not None:
                    work.statuses[rank] = status
                    yield work, status

    def start(self, work: Work) -> dict[str, Any]:
        """What the work's job wrote when it last started; empty if it has not."""
        return (self._watches[work.batch.name].start(work.place[0]) or {}) if work.batch else {}

    def end(self, work: Work) -> None:
        """No longer wait for this one."""
        if work.batch:
            with self._mutex:
                works = self._works.get(work.batch.name, {})
                works.pop(work.place, None)
                if not works:
                    self._works.pop(work.batch.name, None)

    def release(self, work: Work) -> None:
        """Snakemake has recorded how this one ended, or it is submitted anew."""
        batch = work.batch
        if batch is None:
            return
        with self._mutex:
            self._journal.reported(batch, [work.place])
            if batch.over:
                self._journal.drop(batch)
                self._watches.pop(batch.name, None)
                shutil.rmtree(batch.folder, ignore_errors=True)

    def abandon(self) -> None:
        """All are cancelled: a later start has nothing to take over."""
        for work in self.works():
            self.end(work)
            self.release(work)
