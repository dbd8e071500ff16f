"""What the executor needs of a cluster; `slurm.py` and `local.py` fill it in."""

import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_submitit.resources import Request


@dataclass
class State:
    """What the cluster says of a job."""

    state: str
    reason: str = ""
    node: str = ""


class Busy(Exception):
    """The cluster does not take the job now; it may later."""


class Cluster(ABC):
    """Submits, asks and cancels."""

    name: str
    array_size: int  # most jobs of one submission

    @abstractmethod
    def submit(self, folder: Path, request: Request, count: int, title: str) -> str:
        """Submit the `count` tasks of the batch in `folder`; returns the id of the job or array.

        Raises:
            WorkflowError: the request can never be fulfilled.
            Busy: it cannot be now.
        """

    @abstractmethod
    def states(self, ids: Iterable[str]) -> dict[str, State]:
        """The states of the jobs in `ids` that the cluster knows; asks once for all of them.

        Raises:
            Busy: the cluster does not answer.
        """

    @abstractmethod
    def cancel(self, ids: Iterable[str]) -> bool:
        """End the jobs or arrays in `ids`; False if the cluster could not be told."""

    @abstractmethod
    def find(self, batch: str) -> str | None:
        """The id of a batch whose submission was cut off, if it arrived."""


def command(folder: Path) -> str:
    """The command of each task: `job.py` on the batch in `folder`."""
    return shlex.join([sys.executable, "-u", "-m", "snakemake_executor_plugin_submitit.job", str(folder)])
