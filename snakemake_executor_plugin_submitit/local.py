"""This machine, through submitit's LocalExecutor: the same jobs without a cluster."""

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from submitit.local.local import LocalExecutor, LocalJob

from snakemake_executor_plugin_submitit.cluster import Cluster, State, command
from snakemake_executor_plugin_submitit.resources import Request

_FOREVER_MIN = 60 * 24 * 365  # `runtime` is a promise to a scheduler; here there is none


class Local(Cluster):
    """Runs jobs as processes; the executor hands out the `cpus`."""

    name = "local"
    array_size = 1

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def submit(self, folder: Path, request: Request, count: int, title: str) -> str:
        """Start the batch's one task; its id is a process number."""
        executor = LocalExecutor(folder / "submitit")
        executor.update_parameters(
            tasks_per_node=request.ranks, nodes=1, timeout_min=_FOREVER_MIN, stderr_to_stdout=True
        )
        job: LocalJob[None] = executor._submit_command(command(folder))
        assert job._process is not None
        self._processes[job.job_id] = job._process
        return job.job_id

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        """Whether each process lives."""
        return {name: State("RUNNING" if self._lives(name) else "ENDED") for name in ids}

    def _lives(self, name: str) -> bool:
        process = self._processes.get(name)
        if process is not None:
            return process.poll() is None
        try:  # adopted: nobody's child, and the number may be another's by now
            return b"submitit.local._local" in Path("/proc", name, "cmdline").read_bytes()
        except OSError:
            return False

    def cancel(self, ids: Iterable[str]) -> bool:
        """SIGTERM; submitit passes it on to the tasks, these to their items."""
        for name in ids:
            if self._lives(name):
                os.kill(int(name), signal.SIGTERM)
        return True

    def find(self, batch: str) -> str | None:
        """By the command line of its controller."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes()
            except OSError:
                continue
            if batch.encode() in words and b"submitit.local._local" in words:
                return file.parent.name
        return None


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
