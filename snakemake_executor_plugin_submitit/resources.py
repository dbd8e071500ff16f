"""What a job asks of the cluster, read from Snakemake's resources."""

import difflib
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

_TEXT = ("slurm_partition", "slurm_account", "constraint", "qos", "slurm_extra", "pack_helper")
_NUMBERS = {  # name: the least value
    "runtime": 1,
    "mem_mb": 1,
    "cpus_per_task": 1,
    "nodes": 1,
    "tasks_per_node": 1,
    "gpus_per_node": 0,
    "pack": 1,
    "pack_concurrency": 1,
}
_OTHERS = ("job_name", "failure_command")
KNOWN = (*_TEXT, *_NUMBERS, *_OTHERS)
# Set by the executor itself: a second value in slurm_extra would contradict it.
_OWN = {
    "array", "begin", "chdir", "comment", "error", "job-name", "ntasks", "open-mode", "output", "parsable", "partition",
    "account", "requeue", "no-requeue", "signal", "time", "mem", "mem-per-cpu", "cpus-per-task", "nodes",
    "ntasks-per-node", "gpus-per-node", "constraint", "qos", "wrap", "wait",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """Resources of one cluster job.  Jobs with equal requests may share an array and a pack."""

    slurm_partition: str | None = None
    slurm_account: str | None = None
    constraint: str | None = None
    qos: str | None = None
    slurm_extra: str = ""
    runtime: int | None = None  # minutes
    mem_mb: int | None = None  # of a node (Slurm's --mem)
    cpus_per_task: int = 1
    nodes: int = 1
    tasks_per_node: int = 1
    gpus_per_node: int = 0
    pack: int = 1  # items in a job
    pack_concurrency: int = 1  # of them at a time
    pack_helper: str | None = None

    @property
    def ranks(self) -> int:
        """Processes of the job."""
        return self.nodes * self.tasks_per_node

    @property
    def cpus(self) -> int:
        """CPUs of one task of the job: those of all items that run at a time."""
        return self.cpus_per_task * self.pack_concurrency

    def of_pack(self, items: int) -> "Request":
        """The request of a pack of `items`: enough time for all of them, memory and CPUs for those at a time."""
        at_a_time = min(self.pack_concurrency, items)
        rounds = math.ceil(items / at_a_time)
        return replace(
            self,
            runtime=self.runtime and self.runtime * rounds,
            mem_mb=self.mem_mb and self.mem_mb * at_a_time,
            pack_concurrency=at_a_time,
        )

    def signal_before(self, seconds: int) -> int:
        """Seconds before the time limit at which SIGUSR2 comes: no more than a quarter of a short limit."""
        return min(seconds, self.runtime * 15) if self.runtime else seconds

    def more(self, memory: float = 1.0, runtime: float = 1.0) -> "Request":
        """The same with more memory or time, where they are limited."""
        return replace(
            self,
            mem_mb=self.mem_mb and math.ceil(self.mem_mb * memory),
            runtime=self.runtime and math.ceil(self.runtime * runtime),
        )


def extra(text: str) -> dict[str, Any]:
    """`--reservation=x --exclusive` as {"reservation": "x", "exclusive": True}.

    Raises:
        WorkflowError: not a list of long options, or an option that has a resource of its own.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise WorkflowError(f"resource slurm_extra {text!r}: {error}") from None
    options: dict[str, Any] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options[name] = value if equals else True
        elif name is not None and options[name] is True and not word.startswith("-"):
            options[name] = word
        else:
            raise WorkflowError(f"resource slurm_extra {text!r}: {word!r} is not a long option such as --reservation=x")
        if name in _OWN:
            raise WorkflowError(f"resource slurm_extra: --{name} is set by the executor; valid resources: {_list()}")
    return options


def read(resources: Mapping[str, Any], threads: int, rule: str, known_elsewhere: frozenset[str]) -> Request:
    """The request of a job.

    Args:
        resources: Snakemake's resources of the job.
        threads: its threads: the CPUs of a task where `cpus_per_task` is not given.
        rule: its rule, for the errors.
        known_elsewhere: resource names that mean something to the user (limits given with --resources).

    Raises:
        WorkflowError: a value of the wrong kind or out of range, or a name that is nearly one of the known.
    """
    values: dict[str, Any] = {"cpus_per_task": max(1, threads)}
    for name in resources.keys():  # noqa: SIM118 - iterating Snakemake's resources gives the values
        if name in KNOWN or name in known_elsewhere or name.startswith("_"):
            continue
        near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.85)
        if near:
            raise WorkflowError(f"rule {rule}: unknown resource {name!r}; did you mean {near[0]}? valid: {_list()}")
    for name in _TEXT:
        value = resources.get(name)
        if value is None or value == "":
            continue
        text = str(value)
        if any(character in text for character in "\n\r\0"):
            raise WorkflowError(f"rule {rule}: resource {name} {text!r}: must be one line")
        values[name] = text
    for name, least in _NUMBERS.items():
        value = resources.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise WorkflowError(f"rule {rule}: resource {name} {value!r}: must be a whole number")
        if value < least:
            raise WorkflowError(f"rule {rule}: resource {name} {value}: must be at least {least}")
        values[name] = int(value)
    request = Request(**values)
    extra(request.slurm_extra)
    if request.ranks > 1 and request.pack > 1:
        raise WorkflowError(
            f"rule {rule}: resource pack {request.pack} with {request.ranks} tasks: packs are for one-task jobs; "
            "set pack=1, or nodes=1 and tasks_per_node=1"
        )
    return request


def difference(old: Request, new: Request) -> str:
    """What `new` asks for instead, for a message."""
    names = ("mem_mb", "runtime")
    return "".join(f" with {n}={getattr(new, n)}" for n in names if getattr(new, n) != getattr(old, n))


def _list() -> str:
    return ", ".join(sorted(KNOWN))
