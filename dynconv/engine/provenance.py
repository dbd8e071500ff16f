"""Where, when and with what a number was made."""

import contextlib
import hashlib
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import dynconv
from dynconv import job


def hardware(device: torch.device) -> dict[str, Any]:
    """The `device` and `hostname` columns."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"device": name, "hostname": platform.node()}


def accelerator(device: torch.device) -> dict[str, Any]:
    """What else a timing depends on: the host's processor and, on a GPU, its memory, driver and rounding of float32."""
    row: dict[str, Any] = {"cpu": _processor()}
    if device.type == "cuda":
        rounded = {"conv": torch.backends.cudnn.allow_tf32, "matmul": torch.backends.cuda.matmul.allow_tf32}
        row["tf32"] = ", ".join(name for name, allowed in rounded.items() if allowed) or "none"
        row["device_memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
        with contextlib.suppress(Exception):  # without NVIDIA's management library the column is null
            import pynvml

            pynvml.nvmlInit()
            row["driver_version"] = pynvml.nvmlSystemGetDriverVersion()
    return row


def versions() -> dict[str, Any]:
    """Columns of the versions and of the code's commit."""
    return {
        "dynconv_version": dynconv.__version__,
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "cuda_version": torch.version.cuda if torch.cuda.is_available() else None,
        "slurm_job_id": job.slurm_job_id(),
        **_git(),
    }


def code_digest() -> str:
    """Digest of this package's source and of torch's version: what else fixes the numbers of a run."""
    root = Path(dynconv.__file__).parent
    digest = hashlib.sha256(torch.__version__.encode())
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def reset_peak_memory(device: torch.device) -> None:
    """Start a new high-water mark where the device has one."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory allocated on the GPU; on a CPU the largest resident set of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):  # not on Linux; there it would count what the process was before its `exec`, too
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()} (CPU)"


def _git() -> dict[str, Any]:
    """Commit of this very file; null where it is not tracked (an installed copy inside somebody's checkout)."""
    here = Path(__file__).resolve()

    def git(*words: str) -> str:
        command = ["git", "-C", str(here.parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)
        return {"git_sha": git("rev-parse", "HEAD"), "git_dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.CalledProcessError):
        return {"git_sha": None, "git_dirty": None}
