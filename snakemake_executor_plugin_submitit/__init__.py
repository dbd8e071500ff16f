"""A Snakemake executor that submits jobs through submitit, to Slurm or to this machine.

Snakemake finds this package by its name: `snakemake --executor submitit`.  The names below are loaded when they are
asked for, so that the part that runs inside a job (`job.py`) starts without importing Snakemake.
"""

from typing import Any

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


def __getattr__(name: str) -> Any:
    if name == "Executor":
        from snakemake_executor_plugin_submitit.executor import Executor

        return Executor
    if name in ("ExecutorSettings", "common_settings"):
        from snakemake_executor_plugin_submitit import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
