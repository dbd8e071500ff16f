"""What the environment says about the job that this process runs in."""

import os


def attempt() -> int:
    """Which start of the job this is, counted from 1 (resubmissions and requeues included)."""
    return int(os.environ.get("SNAKEMAKE_SUBMITIT_ATTEMPT", 1))


def slurm_job_id() -> str | None:
    """The Slurm job as `squeue` shows it, `<array>_<task>` for a task of an array; None outside Slurm."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def queue_s() -> float | None:
    """Seconds that the cluster's job waited in the queue before this start; None where that is not known."""
    waited = os.environ.get("SNAKEMAKE_SUBMITIT_QUEUE_S")
    return float(waited) if waited else None


def helper() -> str | None:
    """Path of the Unix socket of the warm process that serves this job's runs; None if there is none."""
    return os.environ.get("SNAKEMAKE_SUBMITIT_HELPER")
