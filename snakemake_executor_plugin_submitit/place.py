"""Where a job finds itself: which task and rank it is, on which node, and what the cluster lets it ask."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_submitit.item import Task


@dataclass(frozen=True)
class Place:
    """This process of this job."""

    cluster: str  # slurm | local
    job_id: str  # "12" or, in an array, "12_3"
    raw_id: str  # the number that Slurm gives to this element of an array, too
    index: int  # of the task in its batch
    rank: int
    local_rank: int
    restart: int  # how often Slurm has requeued this job
    node: str

    def rank_env(self, task: Task) -> dict[str, str]:
        """The variables from which torch.distributed (`env://`), Lightning and DeepSpeed start; none for one rank."""
        if task.ranks == 1:
            return {}
        master = "127.0.0.1"
        if self.cluster == "slurm":
            from submitit.slurm.slurm import SlurmJobEnvironment

            master = SlurmJobEnvironment().hostnames[0]
        return {
            "RANK": str(self.rank),
            "LOCAL_RANK": str(self.local_rank),
            "WORLD_SIZE": str(task.ranks),
            "LOCAL_WORLD_SIZE": str(task.tasks_per_node),
            "MASTER_ADDR": master,
            # The same number on every rank, and another for each job: below the ports that the system gives away.
            "MASTER_PORT": str(10_000 + int(self.raw_id) % 20_000),
        }


def find() -> Place:
    """Read it from the environment that submitit and Slurm have set."""
    node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    if os.environ.get("SUBMITIT_EXECUTOR") == "local":
        number = os.environ["SUBMITIT_LOCAL_JOB_ID"]
        rank = int(os.environ["SUBMITIT_LOCAL_GLOBALID"])
        return Place("local", number, number, 0, rank, int(os.environ["SUBMITIT_LOCAL_LOCALID"]), 0, node)
    raw = os.environ["SLURM_JOB_ID"]
    array, element = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return Place(
        "slurm",
        f"{array}_{element}" if array else raw,
        raw,
        int(element or 0),
        int(os.environ.get("SLURM_PROCID") or 0),
        int(os.environ.get("SLURM_LOCALID") or 0),
        int(os.environ.get("SLURM_RESTART_COUNT") or 0),
        node,
    )


def requeue() -> bool:
    """Ask Slurm to run this job again; False where a compute node cannot ask."""
    scontrol = shutil.which("scontrol")
    if scontrol is None:
        return False
    try:
        done = subprocess.run([scontrol, "requeue", os.environ["SLURM_JOB_ID"]], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def oom_kills() -> int:
    """How many processes of this job's control group the kernel has killed for want of memory (0 if unknown)."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return 0
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        kind, name = ("cgroup", "memory.oom_control") if controllers else ("cgroup2", "memory.events")
        for folder in _mounted(mounts, kind, path):
            try:
                entries = dict(entry.split() for entry in (folder / name).read_text().splitlines())
                return int(entries["oom_kill"])
            except (OSError, ValueError, KeyError):
                continue
    return 0


def _mounted(mounts: list[str], kind: str, path: str) -> Iterator[Path]:
    """Where the control group `path` may be seen; a container or a node may have mounted only a part of the tree."""
    for line in reversed(mounts):
        left, _, right = line.partition(" - ")
        root, point = left.split()[3:5]
        filesystem, _, options = right.split(maxsplit=2)
        if filesystem == kind and (kind == "cgroup2" or "memory" in options.split(",")):
            for top in (root, "/"):
                if Path(path).is_relative_to(top):
                    yield Path(point, Path(path).relative_to(top))
