"""A private Slurm cluster on this machine, to be thrown away: real daemons on loopback, several nodes on one host.

`with Cluster(folder) as cluster: cluster.run("squeue")`, or by hand:
`python tests/slurm/cluster.py up DIR; . DIR/env.sh; ...; python tests/slurm/cluster.py down DIR`.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import memory
from clients import JOB_PATH, Calls, path_without
from daemons import Daemon, free_ports, holding, kill_all, wait_until
from packages import SYSTEM, own_mounts, program, require
from services import start_accounting, start_munge, write_files
from slurm_files import Ports, Shape, hosts

TAKING_JOBS = ("idle", "mixed", "allocated")


class Cluster:
    """A cluster in `folder`, which must not exist or be empty; `shape` names the fields of `slurm_files.Shape`.

    Nodes are n1, n2, ...; partitions main (the default), low (its jobs are preempted and requeued) and high.
    `start` raises packages.SlurmUnavailable where Slurm cannot be had.
    """

    def __init__(self, folder: Path, **shape: int | bool):
        self.folder = Path(folder).resolve()
        self.shape = Shape(**shape)  # type: ignore[arg-type]
        self.conf = self.folder / "etc" / "slurm.conf"
        self.calls = Calls(self.folder / "calls")
        # For the daemons and for this class's own questions, which are not in `calls`.
        self._env = {"SLURM_CONF": str(self.conf), "PATH": os.pathsep.join(SYSTEM)}
        self._daemons: dict[str, Daemon] = {}

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @classmethod
    def running_in(cls, folder: Path) -> "Cluster":
        """The cluster that another process has started in `folder`."""
        return cls(folder, **json.loads((folder / "shape.json").read_text(encoding="utf-8")))

    def start(self) -> None:
        require()
        if self.folder.exists() and any(self.folder.iterdir()):
            raise FileExistsError(f"{self.folder} is not empty; name a new folder for the cluster")
        ports = Ports(free_ports(Ports.count(self.shape)).start)
        try:
            write_files(self.folder, self.shape, ports, self.calls.file)
            start_munge(self._daemon("munged"), self.folder)
            if self.shape.accounting:
                database, slurmdbd = self._daemon("mariadbd"), self._daemon("slurmdbd")
                start_accounting(database, slurmdbd, self.folder, ports, self._env)
            self.start_controller()
            for name in self.shape.names:
                self._boot(name)
            for name in self.shape.names:
                self._wait_node(name)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel all jobs, end all that was started here, and delete the folder."""
        if not (self.folder / "marker").exists():
            return
        if self._daemon("slurmctld").pid:
            self._daemon("slurmctld").send(signal.SIGCONT)
            self._ask("scancel", "--user", str(os.getuid()))
        for name in self.shape.names:
            self.kill_node(name)
        for name in ("slurmctld", "slurmdbd", "mariadbd", "munged"):
            self._daemon(name).end()
        shutil.rmtree(self.folder)

    # Commands and their environment

    @property
    def env(self) -> dict[str, str]:
        """Environment for programs that use this cluster: its configuration, and the logging commands on PATH."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        env["PATH"] = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return env | {"SLURM_CONF": str(self.conf)}

    def env_without(self, *commands: str) -> dict[str, str]:
        """Like `env`, but these client commands are not on PATH (nor on that of the jobs submitted with it)."""
        return self.env | {"PATH": path_without(self.env["PATH"], commands, self.folder / "paths")}

    def env_without_in_jobs(self, *commands: str) -> dict[str, str]:
        """Like `env`, but these client commands are not on the PATH of the jobs that are submitted with it."""
        return self.env | {JOB_PATH: self.env_without(*commands)["PATH"]}

    def run(self, *words: str | Path, env: dict[str, str] | None = None) -> str:
        """Standard output of a command, without the last line end; RuntimeError with its errors if it fails."""
        env = self.env if env is None else env
        name, *rest = [str(word) for word in words]
        command = [shutil.which(name, path=env["PATH"]) or name, *rest]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    # Jobs

    def state(self, job: str) -> str:
        """State of a job in the controller's words, such as PENDING; "" for one that it does not know."""
        lines = self._ask("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").split()
        return lines[0] if lines else ""

    def wait_for_state(self, job: str, *states: str, seconds: float = 60) -> None:
        wait_until(lambda: self.state(job) in states, f"job {job} to be {' or '.join(states)}", seconds)

    def reset(self) -> None:
        """Cancel all jobs and wait until they are gone; start the nodes that take no jobs; forget the calls."""
        self._ask("scancel", "--user", str(os.getuid()))
        wait_until(lambda: not self._ask("squeue", "-h").strip(), "cancelled jobs to end")
        for name in self.shape.names:
            if self.node_state(name) not in TAKING_JOBS:
                self.start_node(name)
        self.calls.clear()

    # Nodes and daemons

    def kill_node(self, name: str) -> None:
        """As if its power failed: slurmd, the slurmstepds and all tasks die at once; the controller must find out."""
        slurmd = self._daemon(f"slurmd.{name}")
        slurmd.end()  # it may not have come as far as its mount
        kill_all(lambda: self.node_processes(name))
        if memory.usable():
            memory.remove_group(self._marker(name))

    def down_node(self, name: str) -> None:
        """As an administrator would: the node's jobs end as NODE_FAIL; those that may be requeued are."""
        self.run("scontrol", "update", f"nodename={name}", "state=down", "reason=test")

    def start_node(self, name: str) -> None:
        """Boot a killed node, or give back one that is down, and wait until it takes jobs.

        A controller that has not missed the node yet (it takes up to 30 s) is told, so that its jobs are requeued now.
        """
        if self._daemon(f"slurmd.{name}").pid is None:
            self.down_node(name)
            self._boot(name)
        self._ask("scontrol", "update", f"nodename={name}", "state=resume")
        self._wait_node(name)

    def node_state(self, name: str) -> str:
        """Such as idle, mixed, allocated, down, down*."""
        return self._ask("sinfo", "-h", "-N", "-n", name, "-p", "main", "-o", "%T").strip()

    def node_processes(self, name: str) -> list[int]:
        """All processes of a node: slurmd, slurmstepds, and what its jobs started and left behind."""
        return holding(self._marker(name))

    def stop_controller(self) -> None:
        """End slurmctld in good order: the queue is saved, client commands fail until `start_controller`."""
        self._daemon("slurmctld").end(signal.SIGTERM)

    def start_controller(self) -> None:
        controller = self._daemon("slurmctld")
        controller.start(program("slurmctld"), "-D", env=self._env)
        controller.wait_ready(lambda: " is UP" in self._ask("scontrol", "ping"))

    @contextmanager
    def frozen(self, daemon: str) -> Iterator[None]:
        """Stop a daemon (slurmctld, slurmdbd, slurmd.n1) for a while: it takes connections but never answers."""
        self._daemon(daemon).send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon(daemon).send(signal.SIGCONT)

    def _ask(self, *words: str) -> str:
        command = [program(words[0]), *words[1:]]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=120).stdout

    def _boot(self, name: str) -> None:
        slurmd = self._daemon(f"slurmd.{name}")
        if slurmd.pid:
            return
        (self.folder / f"spool.{name}").mkdir(exist_ok=True)
        marked = self.folder / "etc" / self._marker(name)
        marked.write_text(hosts(self.shape), encoding="utf-8")
        # Its own mount namespace, for an /etc/hosts that knows the nodes. All that runs on the node inherits it, so
        # the mount also tells the node's processes.
        script = 'mount --bind "$1" /etc/hosts && exec "$2" -D -b -N "$3"'
        if memory.usable():
            script = f"mount --bind {memory.make_group(marked.name)} {memory.ROOT} && {script}"
        shell = ["sh", "-c", script, "sh", str(marked), program("slurmd"), name]
        slurmd.start(*own_mounts(), *shell, env=self._env)

    def _wait_node(self, name: str) -> None:
        self._daemon(f"slurmd.{name}").wait_ready(lambda: self.node_state(name) in TAKING_JOBS)

    def _daemon(self, name: str) -> Daemon:
        return self._daemons.setdefault(name, Daemon(name, self.folder))

    def _marker(self, node: str) -> str:
        return f"{(self.folder / 'marker').read_text(encoding='utf-8')}-{node}-"


def main(words: list[str]) -> None:
    """`up DIR [field=number ...]` starts a cluster that stays and writes DIR/env.sh; `down DIR` ends it."""
    if len(words) < 2 or words[0] not in ("up", "down"):
        fields = " ".join(f"[{name}={int(value)}]" for name, value in vars(Shape()).items())
        sys.exit(f"usage: cluster.py up DIR {fields} | down DIR")
    folder = Path(words[1])
    if words[0] == "down":
        Cluster.running_in(folder).stop()
        return
    shape = {name: int(value) for name, _, value in (word.partition("=") for word in words[2:])}
    cluster = Cluster(folder, **shape)
    cluster.start()
    lines = [f"export {name}={shlex.quote(cluster.env[name])}\n" for name in ("SLURM_CONF", "PATH")]
    (cluster.folder / "env.sh").write_text("".join(lines), encoding="utf-8")
    print(f". {cluster.folder}/env.sh")


if __name__ == "__main__":
    main(sys.argv[1:])
