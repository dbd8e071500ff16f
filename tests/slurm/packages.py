"""Slurm's programs, installed from Debian's packages where they are missing and we are root."""

import os
import shutil
import subprocess

from debian import Unavailable as SlurmUnavailable
from debian import obtain

PACKAGES = ("slurmctld", "slurmd", "slurmdbd", "slurm-client", "munge", "mariadb-server-core")
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "sbatch", "squeue", "sacct", "munged", "mariadbd", "unshare")
SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


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
    if lacking := missing():
        obtain(PACKAGES, ", ".join(lacking))
        if lacking := missing():
            raise SlurmUnavailable(f"no {', '.join(lacking)} here, though the packages were installed")
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
