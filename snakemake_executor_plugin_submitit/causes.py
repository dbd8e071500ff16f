"""Why a job ended, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from snakemake_executor_plugin_submitit.item import Status
from snakemake_executor_plugin_submitit.resources import Request
from snakemake_executor_plugin_submitit.settings import ExecutorSettings

OUT_OF_MEMORY = "OUT_OF_MEMORY"
TIMEOUT = "TIMEOUT"
NODE_FAIL = "NODE_FAIL"
PREEMPTED = "PREEMPTED"
CANCELLED = "CANCELLED"
EXIT_CODE = "EXIT_CODE"
NOT_STARTED = "NOT_STARTED"

VANISHED = "VANISHED"  # no state of Slurm's: it waited in the queue, and now there is no record of it
# Slurm's final states of a job.
_STATES = {
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    "TIMEOUT": TIMEOUT,
    "DEADLINE": TIMEOUT,
    "NODE_FAIL": NODE_FAIL,
    "BOOT_FAIL": NODE_FAIL,
    "PREEMPTED": PREEMPTED,
    "REQUEUED": NODE_FAIL,
    "REVOKED": NODE_FAIL,
    "CANCELLED": CANCELLED,
    "FAILED": EXIT_CODE,
    "LAUNCH_FAILED": NOT_STARTED,
    "RECONFIG_FAIL": NOT_STARTED,
    "COMPLETED": NOT_STARTED,  # yet without a status file
}
# States in which a job may be on its way back into the queue.
TRANSIENT = {"NODE_FAIL", "PREEMPTED", "REQUEUED", "BOOT_FAIL"}
LIVE = {
    "PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING",
    "RESV_DEL_HOLD", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED",
}  # fmt: skip
LOST = {NODE_FAIL, NOT_STARTED}


def of_state(state: str) -> str:
    """The cause that Slurm's final state tells."""
    return _STATES.get(state.split()[0] if state else "", NODE_FAIL)


def of_job(state: str, statuses: Mapping[int, Status], started: bool) -> tuple[str, bool]:
    """Why an item without a final word ended, and whether it stopped in good order.

    Args:
        state: Slurm's final state of its job.
        statuses: what its ranks wrote: `stopped`, or `failed` by a SIGKILL whose sender was unknown.
        started: the job had begun to run.
    """
    stopped = [status for status in statuses.values() if status.state == "stopped"]
    failed = any(status.state == "failed" for status in statuses.values())
    if of_state(state) in (
        CANCELLED,
        OUT_OF_MEMORY,
    ):  # a person's or the kernel's word, even if the program saved first
        return of_state(state), False
    if any(status.cause == OUT_OF_MEMORY for status in statuses.values()):
        return OUT_OF_MEMORY, False
    cause = stopped[0].cause if stopped else of_state(state)
    if state == VANISHED:
        cause = NODE_FAIL if started else CANCELLED
    if failed and cause not in (OUT_OF_MEMORY, CANCELLED, TIMEOUT):
        cause = EXIT_CODE
    elif cause in (EXIT_CODE, NOT_STARTED) and not failed:
        cause = NODE_FAIL if started else NOT_STARTED
    return cause, bool(stopped)


@dataclass
class History:
    """How often a job has ended for which cause."""

    oom: int = 0
    timeout: int = 0
    lost: int = 0
    continued: int = 0

    def again(self, cause: str, resumable: bool, request: Request, settings: ExecutorSettings) -> Request | None:
        """Count `cause`; returns what to ask for next, or None if another try would be of no use.

        Args:
            cause: one of the causes above.
            resumable: the job stopped in good order and continues where it was.
            request: what it had.
            settings: how often each cause is forgiven.
        """
        if cause == PREEMPTED or (cause == TIMEOUT and resumable):
            self.continued += 1
            return request if self.continued <= settings.max_requeues else None
        if cause == OUT_OF_MEMORY:
            self.oom += 1
            return request.more(memory=settings.memory_factor) if self.oom <= settings.oom_retries else None
        if cause == TIMEOUT:
            self.timeout += 1
            return request.more(runtime=settings.runtime_factor) if self.timeout <= settings.timeout_retries else None
        if cause in LOST:
            self.lost += 1
            # What cannot even start seldom starts the next time.
            limit = settings.lost_retries if cause == NODE_FAIL else min(1, settings.lost_retries)
            return request if self.lost <= limit else None
        return None
