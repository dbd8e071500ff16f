"""What can be set: `--submitit-<name>` on the command line, `submitit-<name>:` in a profile."""

from dataclasses import dataclass, field, fields

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=True,
    auto_deploy_default_storage_provider=False,
)

_CHOICES = {"cluster": ("auto", "slurm", "local"), "on_interrupt": ("cancel", "leave"), "keep_logs": ("all", "failed")}
# The least value that makes sense.
_LEAST = {
    "array_size": 1,
    "gather_seconds": 0,
    "state_seconds": 1,
    "oom_retries": 0,
    "timeout_retries": 0,
    "lost_retries": 0,
    "max_requeues": 0,
    "memory_factor": 1,
    "runtime_factor": 1,
    "signal_seconds": 1,
    "log_tail": 0,
}


def _setting(default, text: str):
    return field(default=default, metadata={"help": text, "env_var": False, "required": False, "type": type(default)})


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Settings of the executor, with their defaults.

    Raises:
        WorkflowError: a value is out of range or not one of the choices (by `validate`).
    """

    cluster: str = _setting("auto", "Where jobs run: slurm, local (this machine), or auto (slurm if there is sbatch).")
    array_size: int = _setting(1000, "Most jobs in one Slurm array (never more than the cluster's MaxArraySize).")
    gather_seconds: float = _setting(0.5, "Wait this long for more ready jobs, so that they share an array.")
    state_seconds: float = _setting(30.0, "Least time between two questions to Slurm about the states of jobs.")
    signal_seconds: int = _setting(90, "SIGUSR2 reaches a job this long before its time limit.")
    oom_retries: int = _setting(2, "Submit again after OUT_OF_MEMORY, with memory-factor times the memory.")
    memory_factor: float = _setting(2.0, "Factor of mem_mb after OUT_OF_MEMORY.")
    timeout_retries: int = _setting(2, "Submit again after TIMEOUT of a job that cannot continue, with more time.")
    runtime_factor: float = _setting(2.0, "Factor of runtime after TIMEOUT.")
    lost_retries: int = _setting(5, "Submit again, as it was, after a node failed or the job never started.")
    max_requeues: int = _setting(200, "Most times that a job is continued after preemption or a time limit.")
    on_interrupt: str = _setting("cancel", "What Ctrl-C does to the jobs: cancel, or leave (the next start adopts).")
    logdir: str = _setting("logs/slurm", "Folder of the jobs' logs: <logdir>/<rule>/<job name>.log")
    keep_logs: str = _setting("all", "Which jobs' logs to keep: all, or only those of failed jobs.")
    log_tail: int = _setting(15, "How many of a failed job's last log lines to show.")

    def validate(self) -> None:
        """Check every value."""
        for item in fields(self):
            name, value = item.name, getattr(self, item.name)
            option = "--submitit-" + name.replace("_", "-")
            choices = _CHOICES.get(name)
            if choices and value not in choices:
                raise WorkflowError(f"{option} {value!r}: not known; valid: {', '.join(choices)}")
            if name in _LEAST and value < _LEAST[name]:
                raise WorkflowError(f"{option} {value:g}: must be at least {_LEAST[name]}")
        if not self.logdir.strip():
            raise WorkflowError("--submitit-logdir is empty; give a folder, such as logs/slurm")
