"""What must hold before anything is taken, and how a Snakemake job becomes a work."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import SharedFSUsage

from snakemake_executor_plugin_submitit import resources
from snakemake_executor_plugin_submitit.cluster import Cluster
from snakemake_executor_plugin_submitit.direct import make_item, why_nested
from snakemake_executor_plugin_submitit.local import Local
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.work import Work

_SNAKEMAKES_OWN = {"mem", "disk", "disk_mb", "tmpdir", "mem_mib", "disk_mib"}


def check(workflow: Any, cwd: Path) -> None:
    """Refuse what cannot work.

    Raises:
        WorkflowError: no shared file system, or a folder whose name Slurm reads as a pattern.
    """
    needed = {SharedFSUsage.PERSISTENCE, SharedFSUsage.INPUT_OUTPUT, SharedFSUsage.SOURCES}
    missing = needed - set(workflow.storage_settings.shared_fs_usage)
    if missing:
        names = ", ".join(sorted(usage.item_to_choice() for usage in missing))
        raise WorkflowError(f"the submitit executor needs a file system shared with the nodes (missing: {names})")
    if any(character in str(cwd) for character in "\n\\%"):
        raise WorkflowError(f"{str(cwd)!r}: Slurm cannot write logs below a folder with a newline, \\ or %")


def choose(settings: ExecutorSettings) -> Cluster:
    """The cluster that the settings name."""
    if settings.cluster == "local" or (settings.cluster == "auto" and shutil.which("sbatch") is None):
        return Local()
    from snakemake_executor_plugin_submitit.slurm import Slurm

    return Slurm(settings.array_size, settings.signal_seconds)


class Intake:
    """Makes works of jobs.

    Args:
        workflow: Snakemake's.
        settings: the executor's.
        command: Snakemake's own command line for a job that needs Snakemake on the node.
        logger: Snakemake's.
    """

    def __init__(self, workflow: Any, settings: ExecutorSettings, command: Callable[[Any], str], logger: Any):
        self.workflow, self.command, self.logger = workflow, command, logger
        self.logdir = Path(settings.logdir)

    def work(self, job: Any, starts: Mapping[str, int]) -> Work:
        """The work of `job`; `starts` says how often each key has been started before.

        Raises:
            WorkflowError: a resource is not what it should be.
        """
        group = job.is_group()
        known = frozenset(self.workflow.global_resources) | _SNAKEMAKES_OWN
        request = resources.read(job.resources, 0 if group else job.threads, "group" if group else job.rule.name, known)
        reason = why_nested(job, self.workflow)
        if reason:
            self.logger.debug(f"job {job.jobid} needs Snakemake on the node: {reason}")
        item = make_item(job, self.workflow, self.command(job) if reason else None, self.logdir)
        item.attempt = starts.get(item.key, 0) + 1
        retries = not group and job.restart_times > 0
        return Work(job, item, request, nested=reason is not None, snakemake_retries=retries)


def order(job: Any) -> tuple[Any, ...]:
    """Sorts jobs, which come as a set: a group's id is text, a job's a number."""
    return -job.priority, job.is_group(), job.jobid
