"""The processes that train one run together, as the environment tells, and what they say to each other."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from dynconv.errors import DynconvError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_JOB_ID")


@dataclass(frozen=True)
class World:
    """This process among those of the run; its methods are collective: every process calls them, in the same order."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of this node
    local_size: int = 1
    master: str = ""  # host:port where they meet

    @property
    def leads(self) -> bool:
        """Is this the one process that writes files and speaks?"""
        return self.rank == 0

    def join(self, device: torch.device) -> None:
        """Meet the others; a world of one is a group, too, since DDP and DeepSpeed ask for one."""
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if self.size == 1:
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
        else:
            dist.init_process_group(backend, init_method=f"tcp://{self.master}", rank=self.rank, world_size=self.size)
        if self.size > 1 and device.type == "cuda":
            own = f"{platform.node()} {torch.cuda.get_device_properties(device).uuid}"
            everybody: list[Any] = [None] * self.size
            dist.all_gather_object(everybody, own)
            if len(set(everybody)) < self.size:
                raise DynconvError(f"{self.size} processes for {len(set(everybody))} GPUs; valid: a process a GPU")

    def leave(self, failed: bool = False) -> None:
        """End the group of `join`, if there is one; `failed`: without waiting for what will never arrive."""
        if not dist.is_initialized():
            return
        if failed and torch.cuda.is_initialized() and hasattr(dist.distributed_c10d, "_abort_process_group"):
            dist.distributed_c10d._abort_process_group()
        else:
            dist.destroy_process_group()

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        """The sum over processes; `x` may be changed."""
        if self.size > 1:
            dist.all_reduce(x)
        return x

    def most(self, values: list[int]) -> list[int]:
        """The largest of each number over processes; on the CPU, so that no GPU is waited for."""
        if self.size == 1:
            return values
        numbers = torch.tensor(values)
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return numbers.tolist()

    def gather(self, value: Any) -> list[Any]:
        """What each process has, by rank, for the one that leads; empty for the others."""
        if self.size == 1:
            return [value]
        values = [None] * self.size if self.leads else None
        dist.gather_object(value, values)
        return values or []

    def broadcast(self, content: bytes | None) -> bytes | None:
        """What the leading process has, for all."""
        if self.size == 1:
            return content
        (length,) = self.most([-1 if content is None else len(content)] if self.leads else [-1])
        if length < 0:
            return None
        data = torch.empty(length, dtype=torch.uint8)
        if self.leads and content:
            data = torch.frombuffer(bytearray(content), dtype=torch.uint8)  # torch wants memory that may be written
        dist.broadcast(data, 0)
        return data.numpy().tobytes()


def find(env: Mapping[str, str] | None = None) -> World:
    """This process' place, from what torchrun, the submitit executor or srun has set; alone if none has.

    Raises:
        DynconvError: variables are missing or are no sensible numbers.
    """
    env = os.environ if env is None else env
    # In a batch script or an allocation's shell Slurm's other variables are set, too, and nothing runs in parallel.
    srun = "RANK" not in env and "WORLD_SIZE" not in env and env.get("SLURM_STEP_NUM_TASKS", "1") != "1"
    if not srun and "RANK" not in env and "WORLD_SIZE" not in env:
        return World()
    names = _SRUN if srun else _TORCHRUN
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise DynconvError(f"environment: {', '.join(missing)} not set; many processes need {', '.join(names)}")
    try:
        rank, size, local_rank = (int(env[name]) for name in names[:3])
        local_size = int((env.get("LOCAL_WORLD_SIZE") or size) if not srun else _tasks_here(env))
    except ValueError:
        told = ", ".join(f"{name}={env[name]}" for name in names[:3])
        raise DynconvError(f"environment: {told}; valid: whole numbers") from None
    if not 0 <= rank < size:
        raise DynconvError(f"environment: {names[0]}={rank} and {names[1]}={size}; valid ranks: 0 to {size - 1}")
    if srun:
        # The same number on every rank, another for each step: below the ports that the system gives away.
        port = 10_000 + (int(env["SLURM_JOB_ID"]) * 16 + int(env.get("SLURM_STEP_ID") or 0)) % 20_000
        return World(rank, size, local_rank, local_size, f"{first_host(env['SLURM_STEP_NODELIST'])}:{port}")
    return World(rank, size, local_rank, local_size, f"{env['MASTER_ADDR']}:{env['MASTER_PORT']}")


def first_host(nodes: str) -> str:
    """The first of Slurm's list of nodes: "gpu[03-05,9],cpu1" -> "gpu03"."""
    found = re.match(r"([^,\[]+)(?:\[([^-,\]]+)[^\]]*\])?([^,]*)", nodes)
    return "".join(part or "" for part in found.groups()) if found else nodes


def _tasks_here(env: Mapping[str, str]) -> int:
    """Tasks of the step on this node, of "2(x3),1": two on each of three nodes, then one."""
    counts: list[int] = []
    for part in env.get("SLURM_STEP_TASKS_PER_NODE", env["SLURM_STEP_NUM_TASKS"]).split(","):
        count, _, times = part.partition("(x")
        counts += [int(count)] * int(times.rstrip(")") or 1)
    return counts[min(int(env.get("SLURM_NODEID") or 0), len(counts) - 1)]
