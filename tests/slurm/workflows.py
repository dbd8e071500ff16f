"""Small workflows in a folder of their own, run by a real Snakemake with the executor."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from daemons import wait_until

ROOT = Path(__file__).resolve().parents[2]
EXECUTOR = ("--executor", "submitit", "--submitit-state-seconds", "1", "--nocolor")


@dataclass(frozen=True)
class Done:
    """How Snakemake ended: its exit code, and all that it wrote."""

    code: int
    output: str


class Started:
    """A Snakemake in the background; it is killed when the `with` block ends before it does."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str], log: Path):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Signal Snakemake alone, not what it has started."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.send(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Until `text` is in Snakemake's output; raises RuntimeError with the output when Snakemake ends without."""

        def said_or_over() -> bool:
            return text in self.output or self.process.poll() is not None

        wait_until(said_or_over, f"{text!r} in {self.log}", seconds)
        if text not in self.output:
            raise RuntimeError(f"Snakemake ended without {text!r}:\n{self.output}")

    def end(self, seconds: float = 60) -> Done:
        """Wait until it ends by itself."""
        wait_until(lambda: self.process.poll() is not None, f"Snakemake to end, see {self.log}", seconds)
        return Done(self.process.returncode, self.output)


class Workflow:
    """A Snakefile in `folder`, which is made; `env` is a cluster's (`Cluster.env`, `env_without(...)`, ...).

    The Snakemake is this Python's; PYTHONPATH has the checkout, for the driver and for its jobs.
    """

    def __init__(self, folder: Path, env: dict[str, str], snakefile: str = ""):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.env = env | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        if snakefile:
            self.write("Snakefile", snakefile)

    def write(self, name: str, text: str) -> Path:
        """Write a file; the text's common indentation is removed."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def log(self, rule: str, name: str) -> str:
        """What a job wrote."""
        return self.read(f"logs/slurm/{rule}/{name}.log")

    def run(self, *options: str, env: dict[str, str] | None = None, seconds: float = 90) -> Done:
        """Snakemake to its end, whatever the end is."""
        with self.start(*options, env=env) as snakemake:
            return snakemake.end(seconds)

    def succeed(self, *options: str, env: dict[str, str] | None = None, seconds: float = 90) -> str:
        """Snakemake's output; the test fails if Snakemake does."""
        done = self.run(*options, env=env, seconds=seconds)
        assert done.code == 0, done.output
        return done.output

    def fail(self, *options: str, env: dict[str, str] | None = None, seconds: float = 90) -> str:
        """Snakemake's output; the test fails if Snakemake does not."""
        done = self.run(*options, env=env, seconds=seconds)
        assert done.code not in (0, None), done.output
        return done.output

    def start(self, *options: str, env: dict[str, str] | None = None, log: str = "snakemake.out") -> Started:
        """Snakemake in the background; the defaults are --jobs 100 and one question a second to the cluster."""
        words = [str(option) for option in options]
        jobs = [] if {"--jobs", "-j"} & set(words) else ["--jobs", "100"]
        command = [sys.executable, "-m", "snakemake", *EXECUTOR, *jobs, *words]
        return Started(command, self.folder, self.env | (env or {}), self.folder / log)

    def tasks(self) -> list[Path]:
        """The task files of what has been submitted and is not over."""
        return sorted((self.folder / ".snakemake/submitit/batches").glob("*/tasks/*.json"))


def interpreter() -> str:
    """The Python of the tests, for commands of jobs."""
    return os.fspath(Path(sys.executable))
