"""What a cluster stands on before its controller starts: its files, munge, and accounting with its database."""

import json
import secrets
from dataclasses import asdict
from pathlib import Path

import memory
import slurm_files
from clients import write_wrappers
from daemons import Daemon, is_open
from packages import program
from slurm_files import Ports, Shape

FOLDERS = ("etc", "log", "pid", "run", "state", "munge", "database")


def write_files(folder: Path, shape: Shape, ports: Ports, calls: Path) -> None:
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    texts = {
        # Part of the name of what every node mounts, by which its processes are known.
        "marker": f"slurm-test-{secrets.token_hex(8)}",
        "etc/slurm.conf": slurm_files.slurm_conf(folder, shape, ports, memory.usable()),
        "etc/gres.conf": slurm_files.gres_conf(shape),
        "etc/cgroup.conf": slurm_files.cgroup_conf(memory.usable()),
        "etc/slurmdbd.conf": slurm_files.slurmdbd_conf(folder, ports),
        "etc/database.sql": slurm_files.database_init(),
        "shape.json": json.dumps(asdict(shape)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "etc" / "slurmdbd.conf").chmod(0o600)  # slurmdbd insists
    write_wrappers(folder / "bin", folder / "etc" / "slurm.conf", calls)


def start_munge(munged: Daemon, folder: Path) -> None:
    """Start munged with a key of its own: nobody who has not got the key can talk to the cluster."""
    own = folder / "munge"
    own.chmod(0o711)
    (own / "key").touch(mode=0o600)
    (own / "key").write_bytes(secrets.token_bytes(128))
    files = {"socket": own / "munge.sock", "key-file": own / "key", "pid-file": own / "pid"}
    files |= {"log-file": own / "log", "seed-file": own / "seed"}
    munged.start(program("munged"), "--foreground", "--force", *[f"--{name}={file}" for name, file in files.items()])
    munged.wait_ready(files["socket"].exists)


def start_accounting(database: Daemon, slurmdbd: Daemon, folder: Path, ports: Ports, env: dict[str, str]) -> None:
    database.start(program("mariadbd"), *slurm_files.database_words(folder, ports))
    database.wait_ready(lambda: is_open(ports.database))
    slurmdbd.start(program("slurmdbd"), "-D", env=env)
    slurmdbd.wait_ready(lambda: is_open(ports.slurmdbd))
