"""What the user hears of a failed job, and the last word that its rule may have."""

import os
import subprocess
from collections import deque
from pathlib import Path

from snakemake_executor_plugin_submitit import causes
from snakemake_executor_plugin_submitit.direct import shell_words
from snakemake_executor_plugin_submitit.work import Work

_LAST_WORD_S = 300  # everybody waits for it
_MEANING = {
    causes.OUT_OF_MEMORY: "used more memory than it asked for",
    causes.TIMEOUT: "reached its time limit",
    causes.NODE_FAIL: "its node failed or the cluster lost it",
    causes.PREEMPTED: "preempted too often",
    causes.CANCELLED: "cancelled by somebody",
    causes.NOT_STARTED: "did not start: is this folder on a file system that the nodes share, with this Python?",
}


def explain(work: Work, cause: str, node: str, lines: int) -> str:
    """One paragraph: the cause, the job, its log and the log's last lines."""
    failed = [status for status in work.statuses.values() if status.state == "failed"]
    first = min(failed, key=lambda status: status.ended) if failed else None
    what = _MEANING.get(cause, "")
    if first and cause == causes.EXIT_CODE:
        code = first.exit_code
        what = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        what += f" of rank {first.rank}" if work.request.ranks > 1 else ""
    asked = {causes.OUT_OF_MEMORY: "mem_mb", causes.TIMEOUT: "runtime"}.get(cause)
    if asked and getattr(work.request, asked):
        what += f" ({asked}={getattr(work.request, asked)})"
    head = f"{cause}: {what}; job {work.job_id} on {node or 'no node'}, attempt {work.item.attempt}"
    log = Path(work.item.log if first is None or first.rank == 0 else f"{work.item.log}.rank{first.rank}")
    text = f"{head}\nlog: {log}"
    try:
        _keep_cluster_output(work, log)
    except OSError as error:
        text += f" (cannot be written: {error.strerror})" + "".join(f"\n    {line}" for line in cluster_output(work))
    own = [Path(name) for name in work.item.own_logs if Path(name).is_file() and Path(name).stat().st_size]
    for file in [*own, log] if lines else []:
        last = _tail(file, lines)
        text += f"\nlast lines of {file}:\n" + "\n".join(f"    {line}" for line in last) if last else ""
    return text


def last_word(work: Work, cause: str, node: str, message: str, cwd: Path) -> bool:
    """Run the rule's `failure_command`, if it has one; True if it succeeds and all of the job's outputs are its own.

    What the failed job left is no result: the command has to write each output, or to touch it if it is complete.
    """
    if work.job.is_group():
        return False
    command = work.job.resources.get("failure_command")
    if not command:
        return False
    shell, prefix, suffix = shell_words(work.job)
    told = {
        "CAUSE": cause,
        "MESSAGE": message.splitlines()[0].partition(": ")[2],
        "JOB_ID": work.job_id,
        "NODE": node,
        "ATTEMPT": str(work.item.attempt),
        "LOG": work.item.log,
    }
    env = os.environ | {f"SNAKEMAKE_SUBMITIT_{name}": value for name, value in told.items()}
    before = {str(file): _stamp(file) for file in work.job.output}
    log_file = Path(work.item.log)
    with (log_file if log_file.parent.is_dir() else Path(os.devnull)).open("ab") as log:
        words = [shell, "-c", f"{prefix} {command} {suffix}"]
        try:
            done = subprocess.run(
                words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=_LAST_WORD_S
            )
        except subprocess.TimeoutExpired:
            return False
    made = all(_stamp(file) not in (None, stamp) for file, stamp in before.items())
    return done.returncode == 0 and made


def _stamp(file: str) -> tuple[int, int] | None:
    """Changes when a file is written or touched; None if there is none."""
    try:
        info = Path(file).stat()
    except OSError:
        return None
    return info.st_ino, info.st_mtime_ns


def _keep_cluster_output(work: Work, log: Path) -> None:
    """Append what Slurm itself wrote about the job: its own output goes with the batch's folder."""
    if work.batch is None:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = cluster_output(work)
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"[cluster] {line}\n" for line in lines)


def cluster_output(work: Work) -> list[str]:
    """The last lines that Slurm itself wrote about the job."""
    if work.batch is None:
        return []
    files = sorted((work.batch.folder / "submitit").glob(f"{work.job_id}_*_log.*"))
    return [line for file in files for line in _tail(file, 50) if line.strip()]


def out_of_memory(work: Work) -> bool:
    """Whether a step of the job was: Slurm calls such a job FAILED, and only its output tells why."""
    return any("oom-kill event" in line or "Out Of Memory" in line for line in cluster_output(work))


def _tail(file: Path, lines: int) -> list[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as content:
            return [line.rstrip("\n") for line in deque(content, maxlen=lines)]
    except OSError:
        return []
