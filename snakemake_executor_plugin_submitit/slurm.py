"""Slurm, through submitit: `sbatch` by its SlurmExecutor, states in bulk."""

import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from submitit.slurm.slurm import SlurmExecutor

from snakemake_executor_plugin_submitit.cluster import Busy, Cluster, State, command
from snakemake_executor_plugin_submitit.resources import Request, extra

_PATIENCE_S = 60  # of one question to the controller
# Parts of sbatch's messages that mean "later", not "never".
_LATER = (
    "unable to contact", "timed out", "connection refused", "connect failure", "connection timed out",
    "communication connection", "temporarily", "submit limit", "maxsubmit", "backup controller",
    "slurm backup", "transport endpoint", "resource limit",
)  # fmt: skip
# ... and for those that mean "never", how to find what is valid.
_HELP = {
    # First: Slurm says "Invalid account or account/partition combination".
    "account": ("slurm_account", ["sacctmgr", "-nP", "show", "associations", "user={user}", "format=account"]),
    "partition": ("slurm_partition", ["sinfo", "-h", "-o", "%R"]),
    "qos": ("qos", ["sacctmgr", "-nP", "show", "qos", "format=name"]),
    "feature": ("constraint", ["sinfo", "-h", "-o", "%f"]),
}


class _Sbatch(SlurmExecutor):
    """submitit's executor, for a driver that may itself run inside an allocation."""

    def _make_submission_command(self, submission_file_path: Path) -> list[str]:
        # An allocation's variables (SLURM_MEM_PER_NODE, SBATCH_PARTITION, ...) are not this job's.
        own = [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_")) and name != "SLURM_CONF"]
        return ["env", *(word for name in own for word in ("-u", name)), "sbatch", str(submission_file_path)]


class Slurm(Cluster):
    """The cluster that `sbatch` on the PATH belongs to.

    Raises:
        WorkflowError: there is no sbatch, or its controller does not answer.
    """

    name = "slurm"

    def __init__(self, array_size: int, signal_s: int):
        missing = [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]
        if missing:
            raise WorkflowError(
                f"--submitit-cluster slurm: {', '.join(missing)} not found on the PATH; "
                "start Snakemake on a login node, or use --submitit-cluster local"
            )
        self.signal_s = signal_s
        try:
            config = _ask("scontrol", "show", "config")
        except FileNotFoundError:
            config = ""
        except Busy as error:
            raise WorkflowError(f"the Slurm controller does not answer: {error}") from None
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", config, re.MULTILINE)
        # The cluster's number is the first index that is too high.
        self.array_size = min(array_size, max(1, int(found[1]) - 1)) if found else array_size

    def submit(self, folder: Path, request: Request, count: int, title: str) -> str:
        """One sbatch for the whole batch."""
        executor = _Sbatch(folder / "submitit")
        executor._throttling = 0.0
        parameters = self._parameters(request, title, folder.name)
        try:
            executor.update_parameters(**parameters)
            if count > 1:
                executor.parameters |= {"map_count": count, "array_parallelism": count}
            (folder / "submitit").mkdir(mode=0o700, exist_ok=True)
            line = command(folder)
            job = executor._submit_command(line if request.ranks > 1 else f"exec {line}")
        except (WorkflowError, OSError):
            raise
        except Exception as error:
            raise self._refused(str(error), request) from None
        return job.job_id

    def _parameters(self, request: Request, title: str, batch: str) -> dict[str, Any]:
        options: dict[str, Any] = {"requeue": True}
        if request.ranks == 1:
            # No step: the job's shell becomes the runner, which gets the signal itself.
            options["signal"] = f"B:USR2@{request.signal_before(self.signal_s)}"
        return {
            "job_name": re.sub(r"[^\w.+-]", "_", title)[:64] or "snakemake",
            "partition": request.slurm_partition,
            "account": request.slurm_account,
            "qos": request.qos,
            "constraint": request.constraint,
            "time": request.runtime,
            "mem": f"{request.mem_mb}MB" if request.mem_mb else None,
            "nodes": request.nodes,
            "ntasks_per_node": request.tasks_per_node,
            "cpus_per_task": request.cpus,
            "gpus_per_node": request.gpus_per_node or None,
            "signal_delay_s": request.signal_before(self.signal_s),
            "comment": batch,
            "wckey": None,
            "stderr_to_stdout": True,
            "use_srun": request.ranks > 1,
            # Since Slurm 22.05 srun no longer inherits the CPUs of a task.
            "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={request.cpus}"],
            "additional_parameters": options | extra(request.slurm_extra),
        }

    def _refused(self, message: str, request: Request) -> Exception:
        lines = [line for line in message.splitlines() if "error" in line.lower()] or message.strip().splitlines()[-1:]
        text = " ".join(line.replace("sbatch: error: ", "").strip() for line in lines)
        if any(part in text.lower() for part in _LATER):
            return Busy(text)
        for word, (resource, question) in _HELP.items():
            if word in text.lower():
                try:
                    answer = _ask(*(part.format(user=getpass.getuser()) for part in question))
                except (Busy, FileNotFoundError):
                    answer = ""
                valid = ", ".join(sorted(set(answer.replace(",", "\n").split()) - {"(null)"}))
                value = getattr(request, resource)
                return WorkflowError(f"Slurm refused {resource} {value!r}: {text} (valid: {valid or 'none found'})")
        asked = {name: value for name, value in asdict(request).items() if value not in (None, "", 0, 1)}
        return WorkflowError(f"Slurm refused a job that asks for {asked}: {text}")

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        """From squeue, which also knows jobs that ended lately; for the rest from sacct, where there is one."""
        wanted = list(ids)
        known = {}
        for line in _ask("squeue", "-h", "-t", "all", "-u", str(os.getuid()), "-o", "%i|%T|%N|%r").splitlines():
            name, state, node, reason = line.split("|", 3)
            for one in expand(name):
                known[one] = State(state, reason, node)
        rest = [name for name in wanted if name not in known]
        if rest and shutil.which("sacct"):
            arrays = sorted({name.split("_")[0] for name in rest})
            try:
                answer = _ask("sacct", "-X", "-n", "-P", "-j", ",".join(arrays), "-o", "JobID,State,NodeList")
            except Busy:
                answer = ""
            for line in answer.splitlines():
                name, state, node = line.split("|", 2)
                for one in expand(name):
                    known.setdefault(one, State(state.split()[0] if state else "", "", node))
        return {name: known[name] for name in wanted if name in known}

    def cancel(self, ids: Iterable[str]) -> bool:
        """One scancel for all."""
        words = list(ids)
        try:
            if words:
                _ask("scancel", *words)
        except Busy as error:  # that some have ended already is no failure
            return any(part in str(error).lower() for part in ("invalid job id", "already completing"))
        return True

    def find(self, batch: str) -> str | None:
        """By the comment of its jobs."""
        for line in _ask("squeue", "-h", "-t", "all", "-u", str(os.getuid()), "-o", "%k|%i").splitlines():
            comment, _, name = line.rpartition("|")
            if comment == batch:
                return name.split("_")[0]
        return None


def expand(name: str) -> list[str]:
    """`12_[0-2,7%4]` as 12_0, 12_1, 12_2, 12_7."""
    found = re.fullmatch(r"(\d+)_\[([\d,\-]+)(?:%\d+)?\]", name)
    if not found:
        return [name]
    names = []
    for part in found[2].split(","):
        first, _, last = part.partition("-")
        names += [f"{found[1]}_{index}" for index in range(int(first), int(last or first) + 1)]
    return names


def _ask(*words: str) -> str:
    """A client command's output; Busy with its message if it fails."""
    env = os.environ | {"SLURM_BITSTR_LEN": "0"}  # pending elements of an array are listed in full
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, env=env)
    except subprocess.TimeoutExpired:
        raise Busy(f"{words[0]} gave no answer in {_PATIENCE_S} s") from None
    if done.returncode != 0:
        raise Busy(" ".join(done.stderr.split()) or f"{words[0]}: exit code {done.returncode}")
    return done.stdout
