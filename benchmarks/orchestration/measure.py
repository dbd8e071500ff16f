"""Runs the workflow one way and measures: time, CPU seconds, and calls of Slurm's commands."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster import Cluster
from daemons import wait_until
from ways import WORKFLOW, Way, snakemake_alone

_LOOK_S = 0.01


@dataclass(frozen=True)
class Measurement:
    """One run of `jobs` jobs. The driver is Snakemake (or sbatch) with its children, but not the cluster's jobs."""

    way: str
    jobs: int
    makespan_s: float
    overhead_s: float  # a job's share of the makespan, less that of its command
    driver_cpu_s: float
    job_cpu_s: float  # of all cluster jobs: the commands and what runs around them on the nodes
    cluster_jobs: int
    driver_calls: dict[str, int]
    job_calls: dict[str, int]

    def json(self) -> dict[str, object]:
        return asdict(self)


class Bench:
    """Measures on one cluster.

    Args:
        cluster: with nothing else on it.
        folder: for the workflow's files.
        slots: jobs that the cluster runs at a time.
        limit_s: a run that takes longer is killed.
    """

    def __init__(self, cluster: Cluster, folder: Path, slots: int, limit_s: float):
        self.cluster, self.folder, self.slots, self.limit_s = cluster, folder, slots, limit_s
        self.command_s = self._command_s()

    def _command_s(self) -> float:
        """Seconds of one job's command, run by itself."""
        self._empty()
        times = []
        for number in range(20):
            start = time.perf_counter()
            subprocess.run(["bash", "-c", f"true; touch out/{number}"], cwd=self.folder, check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def snakemake_alone_s(self, jobs: int) -> float:
        """Seconds in which Snakemake reads and plans the workflow."""
        self._empty()
        start = time.perf_counter()
        subprocess.run(snakemake_alone(jobs), cwd=self.folder, check=True, capture_output=True)
        return time.perf_counter() - start

    def run(self, way: Way, jobs: int) -> Measurement:
        """The workflow of `jobs` jobs, from an empty folder until Snakemake ends."""
        return self._measure(way.name, jobs, way.command(jobs), way.env(self.cluster.env), lambda: True)

    def floor(self, jobs: int) -> Measurement:
        """The same commands as one array, without a workflow: until the last output is there."""
        line = "true; touch out/$SLURM_ARRAY_TASK_ID"
        words = ["sbatch", f"--array=0-{jobs - 1}", "--partition=main", "--time=10", "--mem=1000", "--output=/dev/null"]
        return self._measure("floor", jobs, [*words, "--wrap", line], self.cluster.env, lambda: self._outputs() == jobs)

    def _measure(
        self, name: str, jobs: int, words: list[str], env: dict[str, str], finished: Callable[[], bool]
    ) -> Measurement:
        self._empty()
        first = self._fence()
        self.cluster.calls.clear()
        log = self.folder / "log.txt"
        start = time.perf_counter()
        with log.open("wb") as output:
            program = [shutil.which(words[0], path=env["PATH"]) or words[0], *words[1:]]
            process = subprocess.Popen(
                program, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        code, cpu_s = self._wait(process, start + self.limit_s)
        while not finished() and time.perf_counter() < start + self.limit_s:
            time.sleep(_LOOK_S)
        makespan_s = time.perf_counter() - start
        if code != 0 or self._outputs() != jobs:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            self.cluster.reset()
            raise RuntimeError(f"{name}: exit {code} after {makespan_s:.0f} s, {self._outputs()}/{jobs} done:\n{tail}")
        calls = self.cluster.calls()
        last = self._fence()
        return Measurement(
            name,
            jobs,
            makespan_s,
            makespan_s / jobs - self.command_s / self.slots,
            cpu_s,
            self._cpu_s(first, last),
            last - first - 1,
            dict(Counter(call.name for call in calls if not call.job)),
            dict(Counter(call.name for call in calls if call.job)),
        )

    def _wait(self, process: subprocess.Popen[bytes], until: float) -> tuple[int, float]:
        """Exit code, and CPU seconds of the process and of the children that it has waited for."""
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_utime + usage.ru_stime
            if time.perf_counter() > until:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(_LOOK_S)

    def _fence(self) -> int:
        """The number of a job that runs now, when all others have ended: Slurm numbers its jobs in sequence."""
        wait_until(lambda: not self.cluster.run("squeue", "-h"), "the last jobs to leave the cluster")
        words = ["sbatch", "--parsable", "--wait", "--mem=1", "--output=/dev/null", "--wrap", "true"]
        return int(self.cluster.run(*words))

    def _cpu_s(self, first: int, last: int) -> float:
        """CPU seconds of the jobs between two fences, from sacct, which hears of them a little later."""

        def steps() -> list[str]:
            answer = self.cluster.run("sacct", "-a", "-n", "-P", "-S", "now-1days", "-o", "JobIDRaw,State,TotalCPU")
            rows = [line.split("|") for line in answer.splitlines()]
            rows = [row for row in rows if first < int(row[0].split(".")[0]) < last]
            ended = sum("." not in number and state == "COMPLETED" for number, state, _ in rows)
            return [time for number, _, time in rows if "." in number] if ended == last - first - 1 else []

        return sum(map(_seconds, wait_until(steps, f"jobs {first + 1} to {last - 1} to be COMPLETED in sacct")))

    def _outputs(self) -> int:
        return len(list((self.folder / "out").glob("[0-9]*")))

    def _empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "out").mkdir(parents=True)
        (self.folder / "Snakefile").write_text(WORKFLOW, encoding="utf-8")


def _seconds(text: str) -> float:
    """sacct's [DD-][HH:]MM:SS[.mmm]."""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in re.split(":", rest):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)
