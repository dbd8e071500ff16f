"""A memory controller (cgroup v1) for each node: only with one does Slurm know that a job was out of memory."""

import contextlib
import os
from functools import partial
from pathlib import Path

from daemons import wait_until

ROOT = Path("/sys/fs/cgroup/memory")


def usable() -> bool:
    """Whether groups can be made here: root only, and not where all controllers are with cgroup v2."""
    return (ROOT / "memory.limit_in_bytes").exists() and os.access(ROOT, os.W_OK)


def make_group(name: str) -> Path:
    """A new group below the root; a node takes it for the root, so that clusters do not see each other's jobs."""
    group = ROOT / name
    group.mkdir(exist_ok=True)
    (group / "memory.use_hierarchy").write_text("1", encoding="ascii")
    return group


def remove_group(name: str) -> None:
    """Remove a group with all in it; its processes must have been killed, the kernel may need a moment to see that."""
    for folder, _, _ in os.walk(ROOT / name, topdown=False):
        wait_until(partial(_is_removed, Path(folder)), f"the kernel to let go of {folder}", 30)


def _is_removed(folder: Path) -> bool:
    with contextlib.suppress(OSError):  # EBUSY
        folder.rmdir()
    return not folder.exists()
