"""A Snakemake job as something that a cluster job can run: its own shell command, or Snakemake again."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import DeploymentMethod

from snakemake_executor_plugin_submitit.item import Item

_LONGEST_NAME = 200  # bytes; most file systems take 255
# What Snakemake sets for a shell command, so that libraries use as many threads as the rule has.
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")


def why_nested(job: Any, workflow: Any) -> str | None:
    """Why this job needs Snakemake itself on the node; None for a plain shell command."""
    if job.is_group():
        return "a group of jobs"
    rule = job.rule
    method = workflow.deployment_settings.deployment_method
    workflow_cache = workflow.workflow_settings.cache
    reasons = {
        "not a shell rule": not job.is_shell,
        "shadow": job.is_shadow,
        "a template engine": job.is_template_engine,
        "conda": DeploymentMethod.CONDA in method and job.conda_env is not None,
        "a container": DeploymentMethod.APPTAINER in method and job.container_img_url is not None,
        "environment modules": DeploymentMethod.ENV_MODULES in method and job.env_modules is not None,
        "storage": any(file.is_storage for file in (*job.input, *job.output, *job.log)),
        "a pipe or service": job.is_pipe or job.is_service,
        "between-workflow caching": workflow_cache is not None and bool(rule.cache),
        "benchmark repeats": (job.benchmark_repeats or 1) > 1,
        "extended benchmarks": job.benchmark is not None and workflow.output_settings.benchmark_extended,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def shell_words(job: Any) -> tuple[str, str, str]:
    """Snakemake's shell, and what it puts before and after each command."""
    from snakemake.shell import shell

    executable = job.resources.get("shell_exec") or shell.get_executable() or "bash"
    found = shutil.which(executable)
    if found is None:
        raise WorkflowError(f"rule {job.rule.name}: shell {executable!r} is not on the PATH")
    # The two that `shell()` uses itself; there is no public way to them.
    prefix, suffix = shell._get_process_prefix(executable), shell._process_suffix
    return found, prefix, suffix


def make_item(job: Any, workflow: Any, nested_command: str | None, logdir: Path) -> Item:
    """The item of `job`; `nested_command` is Snakemake's own command line where the job needs it."""
    if nested_command is None:
        shell, prefix, suffix = shell_words(job)
        command = job.shellcmd
        script = f"{prefix} {command} {suffix}".strip()
        env = {f"{name}_NUM_THREADS": str(job.threads) for name in _THREADS}
        env["VECLIB_MAXIMUM_THREADS"] = str(job.threads)
        tmpdir = job.resources.get("tmpdir")
        # The default is this machine's; the node knows its own better.
        if tmpdir and tmpdir != tempfile.gettempdir():
            env |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(tmpdir))
        benchmark = str(job.benchmark) if job.benchmark is not None else None
    else:
        shell, command, script = shutil.which("bash") or "/bin/sh", "snakemake", nested_command
        env, benchmark = {}, None
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        env["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
    outputs = [str(file) for file in job.output]
    rule = "_".join(sorted(job.rules)) if job.is_group() else job.rule.name
    name = _name(job)
    *folders, last = map(_component, name.split("/"))
    return Item(
        key=_hash(rule, *sorted(outputs), "" if outputs else name),
        digest=_hash(rule, command if nested_command is None else _source(job), *map(str, job.input), *_params(job)),
        name=name,
        rule=rule,
        script=script,
        shell=shell,
        env=env,
        log=str(logdir.joinpath(_component(rule), *folders, f"{last}.log")),
        outputs=[] if nested_command is not None else _removable(job),
        own_logs=[str(file) for file in job.log],
        benchmark=benchmark,
    )


def _name(job: Any) -> str:
    """The resource `job_name`, else the values of the wildcards; a group has its number."""
    if job.is_group():
        return f"group{job.jobid}"
    given = job.resources.get("job_name")
    if given:
        return str(given)
    return "/".join(str(value) for value in job.wildcards_dict.values()) or job.rule.name


def _component(text: str) -> str:
    """A safe name of a file or folder: readable where possible, never empty, hidden or with control characters."""
    readable = "".join(c if c.isprintable() and c not in "/\\%\0" else quote(c, safe="") for c in text)
    if readable.startswith("."):
        readable = "%2E" + readable[1:]
    if len(readable.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:  # cut, and still unlike all others
        start = readable.encode("utf-8", "surrogateescape")[: _LONGEST_NAME - 9].decode("utf-8", "ignore")
        return f"{start}-{_hash(text)[:8]}"
    return readable or "_"


def _removable(job: Any) -> list[str]:
    """Outputs that are made from nothing: not those which the rule updates."""
    return [str(file) for file in job.output if not (getattr(file, "flags", {}) or {}).get("update")]


def _source(job: Any) -> str:
    """What a nested job does is in the Snakefile and the script: any change there is another job."""
    if job.is_group():
        return ""
    files = [str(job.rule.snakefile), str(job.rule.script or job.rule.notebook or "")]
    texts = [Path(file).read_text(errors="replace") for file in files if Path(file).is_file()]
    return "\0".join([*files, *texts])


def _params(job: Any) -> list[str]:
    return [] if job.is_group() else [str(value) for value in job.params]


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:24]
