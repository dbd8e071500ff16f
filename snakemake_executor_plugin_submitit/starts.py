"""What a cluster job writes about its start, and what the next start learns from it: how long the job has waited."""

import json
import os
from pathlib import Path

from snakemake_executor_plugin_submitit.item import write
from snakemake_executor_plugin_submitit.place import Place


def note(file: Path, where: Place, started: float, **more: float) -> None:
    """Write that the job has started; `stopped` says when it ended in order to be continued."""
    start = {"job_id": where.job_id, "node": where.node, "restart": where.restart, "pid": os.getpid()}
    write(file, start | {"time": started} | more)


def queued(file: Path, where: Place, started: float, submitted: float | None) -> float | None:
    """Seconds that this job has waited: since it was submitted, or since the start before this one stopped.

    None where that is not known: on this machine nothing waits, and a node that was lost tells nothing.  The clocks of
    two machines may differ: what would be less than nothing is 0.
    """
    since = submitted
    if where.cluster != "slurm":
        return None
    if where.restart > 0:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except OSError:
            return None
        # Of several ranks, one that comes later may find that rank 0 has written anew.
        since = before.get("stopped") if before["restart"] == where.restart - 1 else None
    return None if since is None else max(0.0, started - since)
