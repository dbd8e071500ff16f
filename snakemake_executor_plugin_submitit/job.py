"""What runs in a cluster job: the items of one task, one after another or a few at a time.

    python -m snakemake_executor_plugin_submitit.job BATCH_FOLDER

Each item is a process group of its own with its own log and status file, so that one failure is one failure.
SIGUSR2 (the time limit is near) and SIGTERM are passed on; an item that then exits with code 75 has stopped in good
order, and its job is requeued to continue it.  Imports only what every job needs.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from snakemake_executor_plugin_submitit import place, starts
from snakemake_executor_plugin_submitit.helper import Helper
from snakemake_executor_plugin_submitit.item import Item, Status, Task, read_status, read_task, write

STOPPED = 75  # EX_TEMPFAIL: an item's "stopped in good order, continue me"
_LONGEST_WORD = 100_000  # bytes; Linux takes 131,071
_SOON = 2.0  # seconds in which the signal that killed a child reaches this process as well
_LAST = 60.0  # seconds that Slurm gets to end a job that it has been asked to requeue


class Running:
    """An item's process."""

    def __init__(self, item: Item, task: Task, where: place.Place, attempt: int, told: dict[str, str]):
        self.item, self.attempt, self.where = item, attempt, where
        self.started = time.time()
        self.log_path = Path(item.log if where.rank == 0 else f"{item.log}.rank{where.rank}")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log = self.log_path.open("wb" if attempt == 1 else "ab", buffering=0)
        self.say(f"job {where.job_id} on {where.node}, attempt {attempt}")
        if attempt > 1 and where.rank == 0:
            _remove(item.outputs)
        env = dict(os.environ)
        own = dict(item.env)
        if where.cluster == "local":  # submitit hides all GPUs; the item's environment has the user's choice
            env.pop("CUDA_VISIBLE_DEVICES", None)
        else:  # Slurm gives each job its GPUs
            own.pop("CUDA_VISIBLE_DEVICES", None)
        env |= own | where.rank_env(task) | {"SNAKEMAKE_SUBMITIT_ATTEMPT": str(attempt)}
        for name in ("HELPER", "QUEUE_S"):  # a job around this one may have its own
            env.pop(f"SNAKEMAKE_SUBMITIT_{name}", None)
        env |= told
        # Ignored, not default: a program that knows nothing of SIGUSR2 goes on until its time is really up.
        self.process = _start(item.shell, f"trap '' USR2\n{item.script}", self.log, env)
        self.benchmark = None
        if item.benchmark and where.rank == 0:
            from snakemake.benchmark import BenchmarkRecord, benchmarked

            self.record = BenchmarkRecord()
            self.benchmark = benchmarked(self.process.pid, self.record)
            self.benchmark.__enter__()

    def say(self, text: str) -> None:
        """A line of this executor in the item's log."""
        with contextlib.suppress(OSError):  # a full disk is the item's trouble, not the pack's
            self.log.write(f"[submitit] {time.strftime('%F %T')} {text}\n".encode())

    def signal(self, number: int) -> None:
        """Pass a signal on to all processes of the item."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def end(self) -> None:
        """Close what was opened."""
        if self.benchmark is not None:
            from snakemake.benchmark import write_benchmark_records

            self.benchmark.__exit__(None, None, None)
            if self.process.returncode == 0 and self.item.benchmark:
                write_benchmark_records([self.record], self.item.benchmark, False)
        self.log.close()


class Runner:
    """Runs one task's items."""

    def __init__(self, batch: Path, task: Task, where: place.Place):
        self.batch, self.task, self.where = batch, task, where
        self.started = time.time()
        self.start_file = batch / "status" / f"{where.index}.start.json"
        self.running: dict[int, Running] = {}
        self.signals: list[int] = []
        self.stop: int | None = None  # the signal that ends this job
        self.unfinished = self.failed = False
        self.oom = place.oom_kills()
        self.wake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self.wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda received, frame: self.signals.append(received))

    def status_file(self, index: int) -> Path:
        """Where item `index` of this task says how it ended."""
        return self.batch / "status" / f"{self.where.index}.{index}.{self.where.rank}.json"

    def run(self) -> int:
        """Run all items; returns the job's exit code."""
        where = self.where
        told = {}
        queued = starts.queued(self.start_file, where, self.started, self.task.submitted)
        if queued is not None:
            told["SNAKEMAKE_SUBMITIT_QUEUE_S"] = f"{queued:.3f}"
        if where.rank == 0:
            starts.note(self.start_file, where, self.started)
        waiting = [index for index in range(len(self.task.items)) if not self._done(index)]
        helper = None
        if self.task.helper and len(waiting) > 1:
            helper = Helper(self.task.helper, self.task.cwd)
        if socket := helper.socket if helper else self.task.socket:
            told["SNAKEMAKE_SUBMITIT_HELPER"] = socket
        while self.running or (waiting and self.stop is None):
            while waiting and self.stop is None and len(self.running) < self.task.concurrency:
                index = waiting.pop(0)
                item = self.task.items[index]
                attempt = item.attempt + where.restart
                try:
                    self.running[index] = Running(item, self.task, where, attempt, told)
                except OSError as error:  # no such shell, no place for the log: this item's failure, not the pack's
                    print(f"{item.name}: cannot start: {error}", file=sys.stderr, flush=True)
                    status = Status("failed", 126, "EXIT_CODE", where.job_id, where.node, where.rank, attempt)
                    status.started = status.ended = time.time()
                    write(self.status_file(index), status)
                    self.failed = True
            if self.running:
                self._wait(5.0)
            for index, running in list(self.running.items()):
                if running.process.poll() is not None:
                    del self.running[index]
                    self._ended(index, running)
        if helper:
            helper.close()
        self.unfinished = self.unfinished or bool(waiting)
        if self.unfinished:
            return self._requeue()
        return 1 if self.failed else 0

    def _done(self, index: int) -> bool:
        """A requeued job does not repeat what it has finished."""
        try:
            return read_status(self.status_file(index)).state in ("ok", "failed")
        except FileNotFoundError:
            return False

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal, and pass it on."""
        if not self.signals:
            select.select([self.wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)
        while self.signals:
            number = self.signals.pop(0)
            if number == signal.SIGCHLD:
                continue
            if number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C, or the terminal of a local run was closed
                number = signal.SIGTERM
            if self.stop != signal.SIGTERM:
                self.stop = number
            for running in self.running.values():
                running.signal(number)

    def _ended(self, index: int, running: Running) -> None:
        code = running.process.returncode
        killed = -code if code < 0 else code - 128
        if self.stop is None and (code == STOPPED or killed in (signal.SIGTERM, signal.SIGUSR2)):
            # Slurm signals all processes of a job: the child may have died of what this process has yet to hear.
            until = time.monotonic() + _SOON
            while self.stop is None and time.monotonic() < until:
                self._wait(until - time.monotonic())
        ended = time.time()
        status = Status("ok", code, "", self.where.job_id, self.where.node, self.where.rank, running.attempt)
        status.started, status.ended = running.started, ended
        if code == STOPPED:
            status.state, status.cause = "stopped", self._why()
            self.unfinished = True
        elif code != 0 and self.stop == signal.SIGTERM:
            # Killed with its job: the cluster knows why.
            running.say(f"ended by SIGTERM (exit code {code}) after {ended - running.started:.0f} s")
            running.end()
            self.unfinished = True
            return
        elif code != 0:
            status.state, status.cause = "failed", "EXIT_CODE"
            if place.oom_kills() > self.oom:  # of this process or of one of its own, such as a loader of data
                status.cause = "OUT_OF_MEMORY"
                self.oom += 1  # one kill explains one failure in a pack
            self.failed = True
        running.say(f"{status.state}: exit code {code} after {ended - running.started:.1f} s")
        running.end()
        write(self.status_file(index), status)

    def _why(self) -> str:
        """SIGUSR2 near the end of the time limit is the limit; before, somebody more important wants the node."""
        limit = self.task.limit_s
        # Slurm may send the signal up to a minute early.
        near = limit is not None and time.time() - self.started >= limit - self.task.signal_s - 75
        return "TIMEOUT" if near else "PREEMPTED"

    def _requeue(self) -> int:
        """Have the job continued: by Slurm at once if it can be asked from here, else by the driver."""
        if self.where.rank == 0:
            starts.note(self.start_file, self.where, self.started, stopped=time.time())
        if self.where.cluster != "slurm" or self.stop == signal.SIGTERM:
            return STOPPED
        asked = True
        if self.where.rank == 0:
            asked = self.where.restart < self.task.max_requeues and place.requeue()
        until = time.monotonic() + _LAST
        while asked and time.monotonic() < until and self.stop != signal.SIGTERM:
            self._wait(until - time.monotonic())
        return STOPPED


def _start(shell: str, script: str, log: IO[bytes], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Run a script, in a file if it is too long for a word of a command line."""
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": env}
    text = script.encode("utf-8", "surrogateescape")
    if len(text) < _LONGEST_WORD:
        return subprocess.Popen([shell, "-c", script], start_new_session=True, **options)
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        words = [shell, f"/dev/fd/{file.fileno()}"]
        return subprocess.Popen(words, start_new_session=True, pass_fds=[file.fileno()], **options)


def _remove(outputs: list[str]) -> None:
    """A start begins without what the one before left."""
    for name in outputs:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def main() -> int:
    """Run this job's task."""
    batch = Path(sys.argv[1])
    where = place.find()
    task = read_task(batch / "tasks" / f"{where.index}.json")
    os.chdir(task.cwd)
    return Runner(batch, task, where).run()


if __name__ == "__main__":
    sys.exit(main())
