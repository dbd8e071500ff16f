"""The executor: takes Snakemake's jobs, hands them to the cluster, and tells Snakemake how they ended."""

import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import SharedFSUsage

from snakemake_executor_plugin_submitit import causes, resources
from snakemake_executor_plugin_submitit.adoption import Adoption
from snakemake_executor_plugin_submitit.cluster import Cluster
from snakemake_executor_plugin_submitit.direct import make_item, why_nested
from snakemake_executor_plugin_submitit.dispatch import Dispatcher
from snakemake_executor_plugin_submitit.failure import explain, last_word, out_of_memory
from snakemake_executor_plugin_submitit.journal import FOLDER, Journal
from snakemake_executor_plugin_submitit.live import Live
from snakemake_executor_plugin_submitit.local import Local, cpus
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.states import States
from snakemake_executor_plugin_submitit.work import Work

_QUICK, _SLOW = 0.2, 2.0  # seconds between two looks at the files: after news, and after long silence


class Executor(RemoteExecutor):
    """Runs Snakemake jobs through submitit.

    Threads: Snakemake's scheduler calls `run_jobs`, `cancel` and `shutdown`; everything else happens in the thread of
    `check_active_jobs`, which the base class starts.
    """

    _ready = False  # the base class starts the thread before this class is set up

    def __post_init__(self) -> None:
        settings = self.workflow.executor_settings or ExecutorSettings()
        assert isinstance(settings, ExecutorSettings)
        settings.validate()
        self.settings = settings
        needed = {SharedFSUsage.PERSISTENCE, SharedFSUsage.INPUT_OUTPUT, SharedFSUsage.SOURCES}
        missing = needed - set(self.workflow.storage_settings.shared_fs_usage)
        if missing:
            names = ", ".join(sorted(usage.item_to_choice() for usage in missing))
            raise WorkflowError(f"the submitit executor needs a file system shared with the nodes (missing: {names})")
        self.cwd = Path.cwd()
        if any(character in str(self.cwd) for character in "\n\\%"):
            raise WorkflowError(f"{str(self.cwd)!r}: Slurm cannot write logs below a folder with a newline, \\ or %")
        self.cluster = self._choose(settings)
        try:
            self.journal = Journal(self.cwd / FOLDER)
        except BlockingIOError as error:
            raise WorkflowError(str(error)) from None
        self.live = Live(self.journal)
        self.states = States(
            self.cluster, settings.state_seconds, self.workflow.execution_settings.latency_wait, self.logger
        )
        self.starts: dict[str, int] = {}  # item key: how often it was started
        self.adoption = Adoption(self.journal, self.cluster, self.logger)
        self.news = time.monotonic()
        cores = self.workflow.resource_settings.cores
        slots = cores if isinstance(cores, int) and cores < 10**6 else cpus()
        self.dispatcher = Dispatcher(self.cluster, self.journal, settings, self.cwd, slots, self.logger)
        self._ready = True

    @staticmethod
    def _choose(settings: ExecutorSettings) -> Cluster:
        if settings.cluster == "local" or (settings.cluster == "auto" and shutil.which("sbatch") is None):
            return Local()
        from snakemake_executor_plugin_submitit.slurm import Slurm

        return Slurm(settings.array_size, settings.signal_seconds)

    # ---- from Snakemake's scheduler

    def run_job(self, job: Any) -> None:
        """Take one job."""
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        """Take all of `jobs`: adopt those that an earlier driver has submitted, queue the others."""
        fresh = []
        for job in sorted(jobs, key=_order):  # they come as a set
            self.run_job_pre(job)
            work = self._work(job)
            # Snakemake's own reason is of no use here: --rerun-incomplete "forces" all that a dead driver left.
            forced = any(one.rule in self.dag.forcerules for one in (job.jobs if job.is_group() else [job]))
            adopted = self.adoption.take(work, forced)
            if adopted is None:
                fresh.append(work)
            else:
                self.live.follow(adopted, [work])
                self._submitted(work)
        direct = [work.job for work in fresh if work.item.script and not self._nested(work.job)]

        async def prepare() -> None:
            for job in direct:
                await job.prepare()

        self.workflow.async_run(prepare())
        self.news = time.monotonic()
        self.dispatcher.add(fresh)

    def _work(self, job: Any) -> Work:
        rule = "group" if job.is_group() else job.rule.name
        own = frozenset(self.workflow.global_resources) | {"mem", "disk", "disk_mb", "tmpdir", "mem_mib", "disk_mib"}
        request = resources.read(job.resources, 0 if job.is_group() else job.threads, rule, own)
        nested = self.format_job_exec(job) if self._nested(job) else None
        item = make_item(job, self.workflow, nested, Path(self.settings.logdir))
        item.attempt = self.starts.get(item.key, 0) + 1
        retries = not job.is_group() and job.restart_times > 0
        return Work(job, item, request, snakemake_retries=retries)

    def _nested(self, job: Any) -> bool:
        reason = why_nested(job, self.workflow)
        if reason:
            self.logger.debug(f"job {job.jobid} needs Snakemake on the node: {reason}")
        return reason is not None

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Ctrl-C: cancel what runs (one request for all), or leave it to the next start."""
        self.dispatcher.clear()
        ids = self.live.job_ids()
        if self.settings.on_interrupt == "leave":
            self.logger.info(f"Leaving jobs {', '.join(ids)} to the next start." if ids else "No jobs are left.")
            return
        self.cluster.cancel(ids)
        self.live.abandon()

    def shutdown(self) -> None:
        """End the thread, then what it used."""
        super().shutdown()
        self.dispatcher.close()
        self.journal.close()

    # ---- in the thread

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """One round: submit what waits, look at the files, ask the cluster if it is time."""
        if not self._ready:
            self.next_seconds_between_status_checks = _QUICK
            return
        try:
            for batch, works in self.dispatcher.submit(self.live.works()):
                self.news = time.monotonic()
                self.live.follow(batch, works)
                for work in works:
                    self._submitted(work)
            for work, why in self.dispatcher.refused():
                self.logger.info(f"{work.item.rule} {work.item.name}: {why}")
                self._failed(work, work.cause, "")
            self._look()
            self._ask()
        except Exception as error:
            self._ready = False
            self.cancel_jobs([])  # no job is left without somebody who waits for it
            if isinstance(error, WorkflowError):
                error.__traceback__ = None  # its one line is all the user needs
            self.workflow.scheduler.executor_error_callback(error)
            return
        quiet = time.monotonic() - self.news
        self.next_seconds_between_status_checks = min(_SLOW, max(_QUICK, quiet / 10))
        for info in active_jobs[:0]:  # this executor keeps its own account of them
            yield info

    def _submitted(self, work: Work) -> None:
        self.report_job_submission(SubmittedJobInfo(work.job, external_jobid=work.job_id))

    def _look(self) -> None:
        """Completion is noticed from files."""
        for work, status in self.live.news():
            if status.state == "stopped":
                continue
            self.news = time.monotonic()
            failed = [each for each in work.statuses.values() if each.state == "failed"]
            if failed:
                first = min(failed, key=lambda each: each.ended)
                killed = first.exit_code in (-9, 137) and first.cause == causes.EXIT_CODE
                if killed and work.batch and len(work.batch.tasks[work.place[0]]) == 1:
                    continue  # by the kernel, by Slurm or by a person: the job's state will tell
                if work.request.ranks > 1 and self.cluster.name == "local":
                    self.cluster.cancel([work.job_id])  # the other ranks; srun does this itself
                self._ended(work, first.cause, False, first.node)
            elif sum(each.state == "ok" for each in work.statuses.values()) == work.request.ranks:
                self._succeeded(work)

    def _ask(self) -> None:
        """Jobs that ended without a word, and those whose word leaves a doubt."""
        for job_id, state in self.states.ended({work.job_id for work in self.live.works()}).items():
            works = [work for work in self.live.works() if work.job_id == job_id]
            for position, work in enumerate(sorted(works, key=lambda work: work.place)):
                self.news = time.monotonic()
                start = self.live.start(work)
                cause, resumable = causes.of_job(state.state, work.statuses, bool(start))
                if cause == causes.EXIT_CODE and out_of_memory(work):
                    cause = causes.OUT_OF_MEMORY
                if job_id in self.adoption.cancelled:
                    cause = causes.PREEMPTED
                # In a pack that ran only the first ones had begun; the others lose nothing.
                waited = bool(start) and position >= work.request.pack_concurrency
                self._ended(work, cause, resumable, state.node, innocent=waited and cause != causes.CANCELLED)

    def _ended(self, work: Work, cause: str, resumable: bool, node: str, innocent: bool = False) -> None:
        """A work did not succeed: again, or for good."""
        restarts = self.live.start(work).get("restart", 0)  # by Slurm itself
        self.starts[work.item.key] = work.item.attempt + restarts
        work.history.continued += restarts
        continued = cause == causes.PREEMPTED or cause in causes.LOST or resumable or innocent
        request: resources.Request | None = work.request
        if not innocent:
            allowed = continued or not work.snakemake_retries
            request = work.history.again(cause, resumable, work.request, self.settings) if allowed else None
        if request is None:
            self._failed(work, cause, node)
            return
        work.cause = cause
        why = f"had not begun when its pack ended ({cause})" if innocent else cause
        what = f"{work.item.rule} {work.item.name}: {why} (job {work.job_id} on {node or 'no node'})"
        self.logger.info(f"{what}; {'continuing' if resumable else 'again'}{_difference(work.request, request)}")
        self.live.release(work)
        work.request, work.batch, work.statuses = request, None, {}
        work.item.attempt = self.starts[work.item.key] + (0 if innocent else 1)
        self.dispatcher.add([work])

    def _succeeded(self, work: Work) -> None:
        self.starts.pop(work.item.key, None)
        if self.settings.keep_logs == "failed":
            Path(work.item.log).unlink(missing_ok=True)
        self.live.release(work)
        self.report_job_success(SubmittedJobInfo(work.job, external_jobid=work.job_id))

    def _failed(self, work: Work, cause: str, node: str) -> None:
        message = explain(work, cause, node, self.settings.log_tail)
        if last_word(work, cause, node, message, self.cwd):
            self.logger.info(f"{message}\nThe rule's failure_command has dealt with it.")
            self.live.release(work)
            self.report_job_success(SubmittedJobInfo(work.job, external_jobid=work.job_id))
            return
        self.live.release(work)
        self.report_job_error(
            SubmittedJobInfo(work.job, external_jobid=work.job_id), msg=message, aux_logs=[work.item.log]
        )

    def print_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **kwargs: Any) -> None:
        """Say what `explain` found, without the base class's general hint."""
        job_info.job.log_error(msg, external_jobid=job_info.external_jobid, **kwargs)


def _order(job: Any) -> tuple[Any, ...]:
    """A group's id is text, a job's a number."""
    return -job.priority, job.is_group(), job.jobid


def _difference(old: resources.Request, new: resources.Request) -> str:
    names = ("mem_mb", "runtime")
    return "".join(f" with {n}={getattr(new, n)}" for n in names if getattr(new, n) != getattr(old, n))
