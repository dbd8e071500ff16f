"""Slurm's programs, installed from Debian's packages where they are missing and we are root."""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurmdbd", "slurm-client", "munge", "mariadb-server-core")
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "sbatch", "squeue", "sacct", "munged", "mariadbd", "unshare")
SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


class SlurmUnavailable(Exception):
    """Slurm cannot be had on this machine; the message is one line that says why and what would help."""


def find(name: str) -> str | None:
    """Full path of a program; daemons are found although /usr/sbin is on few users' PATH."""
    return shutil.which(name, path=os.pathsep.join([*SYSTEM, os.environ.get("PATH", "")]))


def program(name: str) -> str:
    """Like `find`; raises SlurmUnavailable."""
    found = find(name)
    if found is None:
        raise SlurmUnavailable(f"no {name} here")
    return found


def missing() -> list[str]:
    return [name for name in PROGRAMS if find(name) is None]


def require() -> None:
    """Make sure that a cluster can run here; installs Slurm's programs where needed and possible.

    Raises SlurmUnavailable.
    """
    if missing():
        _obtain()
    done = subprocess.run(
        [*own_mounts(), "mount", "--bind", "/etc/hosts", "/etc/hosts"], capture_output=True, text=True
    )
    if done.returncode:
        raise SlurmUnavailable(
            f"nodes need mount namespaces of their own ({done.stderr.strip()}): be root with CAP_SYS_ADMIN, "
            "or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        )


def own_mounts() -> list[str]:
    """Words before a command that give it a mount namespace; all but root need a user namespace for that."""
    user = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
    return [program("unshare"), *user, "--mount"]


def _obtain() -> None:
    wish = f"install these Debian packages: {' '.join(PACKAGES)}"
    if os.geteuid() != 0:
        raise SlurmUnavailable(f"no {', '.join(missing())} here, and only root can install: {wish}")
    if shutil.which("apt-get") is None:
        raise SlurmUnavailable(f"no {', '.join(missing())} here, and no apt-get: {wish}")
    _install()
    if missing():
        raise SlurmUnavailable(f"no {', '.join(missing())} here, though the packages were installed: {wish}")


def _install() -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
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
        raise SlurmUnavailable(f"`{' '.join(install)}` failed: {last}")
