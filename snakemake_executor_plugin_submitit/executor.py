"""The executor: takes Snakemake's jobs, hands them to the cluster, and tells Snakemake how they ended."""

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from snakemake_executor_plugin_submitit import causes, resources
from snakemake_executor_plugin_submitit.adoption import Adoption
from snakemake_executor_plugin_submitit.dispatch import Dispatcher
from snakemake_executor_plugin_submitit.failure import explain, last_word, out_of_memory
from snakemake_executor_plugin_submitit.intake import Intake, check, choose, order
from snakemake_executor_plugin_submitit.journal import FOLDER, Journal
from snakemake_executor_plugin_submitit.live import Live
from snakemake_executor_plugin_submitit.local import cpus
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
        self.cwd = Path.cwd()
        check(self.workflow, self.cwd)
        self.cluster = choose(settings)
        try:
            self.journal = Journal(self.cwd / FOLDER)
        except OSError as error:
            raise WorkflowError(str(error)) from None
        self.live = Live(self.journal)
        self.states = States(
            self.cluster, settings.state_seconds, self.workflow.execution_settings.latency_wait, self.logger
        )
        self.intake = Intake(self.workflow, settings, self.format_job_exec, self.logger)
        self.ended: dict[Any, Work] = {}  # told to Snakemake, which has yet to record them
        self.cancelled: set[str] | None = None  # jobs that Ctrl-C has cancelled
        self.starts: dict[str, int] = {}  # item key: how often it was started
        self.adoption = Adoption(self.journal, self.cluster, self.logger)
        self.news = time.monotonic()
        cores = self.workflow.resource_settings.cores
        slots = cores if isinstance(cores, int) and cores < 10**6 else cpus()
        self.dispatcher = Dispatcher(self.cluster, self.journal, settings, self.cwd, slots, self.logger)
        self._ready = True

    # ---- from Snakemake's scheduler

    def run_job(self, job: Any) -> None:
        """Take one job."""
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        """Take all of `jobs`: adopt those that an earlier driver has submitted, queue the others."""
        fresh = []
        for job in sorted(jobs, key=order):  # they come as a set
            self.run_job_pre(job)
            work = self.intake.work(job, self.starts)
            # Snakemake's own reason is of no use here: --rerun-incomplete "forces" all that a dead driver left.
            forced = any(one.rule in self.dag.forcerules for one in (job.jobs if job.is_group() else [job]))
            adopted = self.adoption.take(work, forced)
            if adopted is None:
                fresh.append(work)
            else:
                self.live.follow(adopted, [work])
                self._submitted(work)
        direct = [work.job for work in fresh if not work.nested]

        async def prepare() -> None:
            for job in direct:
                await job.prepare()

        self.workflow.async_run(prepare())
        self.news = time.monotonic()
        self.dispatcher.add(fresh)

    def get_job_args(self, job: Any, **kwargs: Any) -> str:
        """Without the base class's wait for a folder of this driver: a job may start when the driver is gone."""
        return super(RemoteExecutor, self).get_job_args(job, **kwargs)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Ctrl-C: cancel what runs (one request for all), or leave it to the next start."""
        self.dispatcher.close()
        ids = self.live.job_ids()
        if self.settings.on_interrupt == "leave":
            self.logger.info(f"Leaving jobs {', '.join(ids)} to the next start." if ids else "No jobs are left.")
            return
        if self.cluster.cancel(ids):
            self.cancelled = set(ids)

    def shutdown(self) -> None:
        """End the thread, then what it used."""
        super().shutdown()
        if self.cancelled is not None:
            late = set(self.live.job_ids()) - self.cancelled  # submitted while Ctrl-C came
            if self.cluster.cancel(sorted(late)):
                self.live.abandon()
        self.dispatcher.end_helper()
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
                self.logger.error(f"{work.item.rule} {work.item.name}: {why}")
                self._failed(work, work.cause or causes.NOT_STARTED, "")
            self._look()
            self._ask()
        except Exception as error:
            self._ready = False
            if isinstance(error, WorkflowError):
                self.cancel_jobs([])
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
                if work.request.ranks > 1 and self.cluster.name == "slurm" and failed[0].cause == causes.OUT_OF_MEMORY:
                    continue  # the other ranks are still being ended
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
                # Slurm keeps what the job wrote before it was requeued: a stop of an earlier start explains nothing.
                statuses = {
                    rank: status
                    for rank, status in work.statuses.items()
                    if status.state != "stopped" or status.ended >= start.get("time", 0)
                }
                cause, resumable = causes.of_job(state.state, statuses, bool(start))
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
        self.logger.info(
            f"{what}; {'continuing' if resumable else 'again'}{resources.difference(work.request, request)}"
        )
        self.live.end(work)
        self.live.release(work)
        work.request, work.batch, work.statuses = request, None, {}
        work.item.attempt = self.starts[work.item.key] + (0 if innocent else 1)
        self.dispatcher.add([work])

    def _succeeded(self, work: Work) -> None:
        self.starts.pop(work.item.key, None)
        if self.settings.keep_logs == "failed":
            for log in (work.item.log, *(f"{work.item.log}.rank{rank}" for rank in range(1, work.request.ranks))):
                Path(log).unlink(missing_ok=True)
        self._hand_over(work)
        self.report_job_success(SubmittedJobInfo(work.job, external_jobid=work.job_id))

    def _hand_over(self, work: Work) -> None:
        """Its end is Snakemake's now; the journal keeps it until Snakemake has recorded it."""
        self.live.end(work)
        self.ended[work.job] = work

    def handle_job_success(self, job: Any) -> None:
        """Snakemake has recorded the job: nothing is left for a later start to take over."""
        super().handle_job_success(job)
        self._recorded(job)

    def handle_job_error(self, job: Any) -> None:
        """The same of a failed job."""
        super().handle_job_error(job)
        self._recorded(job)

    def _recorded(self, job: Any) -> None:
        work = self.ended.pop(job, None)
        if work is not None:
            self.live.release(work)

    def _failed(self, work: Work, cause: str, node: str) -> None:
        message = explain(work, cause, node, self.settings.log_tail)
        again = work.snakemake_retries and work.job.attempt <= work.job.restart_times  # by Snakemake
        if not again and last_word(work, cause, node, message, self.cwd):
            self.logger.info(f"{message}\nThe rule's failure_command has dealt with it.")
            self._hand_over(work)
            self.report_job_success(SubmittedJobInfo(work.job, external_jobid=work.job_id))
            return
        self._hand_over(work)
        self.report_job_error(
            SubmittedJobInfo(work.job, external_jobid=work.job_id), msg=message, aux_logs=[work.item.log]
        )

    def print_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **kwargs: Any) -> None:
        """Say what `explain` found, without the base class's general hint."""
        job_info.job.log_error(msg, external_jobid=job_info.external_jobid, **kwargs)
