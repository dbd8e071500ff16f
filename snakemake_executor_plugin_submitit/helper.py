"""A process beside a pack's items that has what they need ready, such as imported packages."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path


class Helper:
    """Starts `command` (for bash) with $SNAKEMAKE_SUBMITIT_HELPER set to the Unix socket it is to listen on.

    The socket lies in a folder that only this user may enter.  The helper ends when its standard input does: also if
    the process that started it is killed.
    """

    def __init__(self, command: str, cwd: str):
        # In /tmp, not TMPDIR: a socket's path has at most 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="submitit.", dir="/tmp")
        self.socket = str(Path(self.folder, "socket"))
        env = os.environ | {"SNAKEMAKE_SUBMITIT_HELPER": self.socket}
        if env.get("SUBMITIT_EXECUTOR") == "local":
            env.pop("CUDA_VISIBLE_DEVICES", None)
        self.process = subprocess.Popen(
            ["bash", "-c", command], cwd=cwd, env=env, stdin=subprocess.PIPE, start_new_session=True
        )

    def close(self) -> None:
        """Let it end, and wait for it."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
