"""Debian packages that tests need, installed where they are missing and we are root."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


class Unavailable(Exception):
    """Something cannot be had on this machine; the message is one line that says why and what would help."""


def obtain(packages: tuple[str, ...], what: str) -> None:
    """Install `packages`, for want of `what`; raises Unavailable."""
    wish = f"install these Debian packages: {' '.join(packages)}"
    if os.geteuid() != 0:
        raise Unavailable(f"no {what} here, and only root can install: {wish}")
    if shutil.which("apt-get") is None:
        raise Unavailable(f"no {what} here, and no apt-get: {wish}")
    with Path(tempfile.gettempdir(), "dynconv-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # apt waits for no other apt: one worker at a time
        _install(packages)


def _install(packages: tuple[str, ...]) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    # Debian starts a daemon as soon as its package is installed, unless this program says no.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        policy.chmod(0o755)
    try:
        done = subprocess.run(install, env=env, capture_output=True, text=True)
        if done.returncode:  # an image without package lists, or with old ones
            subprocess.run(["apt-get", "update", "-qq"], env=env, capture_output=True)
            done = subprocess.run(install, env=env, capture_output=True, text=True)
    finally:
        if ours:
            policy.unlink()
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Unavailable(f"`{' '.join(install)}` failed: {last}")
