"""Slurm's client commands behind wrappers that write down each call, and search paths that lack some of them."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from packages import find

COMMANDS = ("sbatch", "squeue", "sacct", "scontrol", "scancel", "srun", "sinfo", "sstat", "sacctmgr", "salloc")
FIELD, RECORD = "\037", "\036"  # ASCII's own separators: arguments may hold spaces and line ends
# A job's PATH is the PATH of its sbatch, so this is where a job's commands can be hidden from it.
JOB_PATH = "TEST_SLURM_JOB_PATH"


@dataclass(frozen=True)
class Call:
    """One call of a client command. `time` is in seconds since 1970, `job` the job that made it ("" outside)."""

    name: str
    words: tuple[str, ...]
    time: float
    job: str


class Calls:
    """`calls()` lists all calls so far, `calls("squeue", "sacct")` some commands', `calls.clear()` forgets them."""

    def __init__(self, file: Path):
        self.file = file

    def __call__(self, *names: str) -> list[Call]:
        text = self.file.read_text(encoding="utf-8", errors="replace") if self.file.exists() else ""
        found = []
        for record in text.split(RECORD)[1:]:
            time, job, name, *words = record.split(FIELD)[:-1]
            if not names or name in names:
                found.append(Call(name, tuple(words), float(time), job))
        return found

    def clear(self) -> None:
        self.file.write_text("", encoding="utf-8")


def write_wrappers(folder: Path, conf: Path, log: Path) -> None:
    """Write a wrapper of each command into `folder`: it logs its call, then is the command for this cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        real = find(name)
        if real is None:
            continue
        path = f'PATH="${{{JOB_PATH}:-$PATH}}" ' if name in ("sbatch", "salloc") else ""
        file = folder / name
        file.write_text(
            "#!/bin/sh\n"
            # One printf is one write, so that calls at the same time do not mix.
            f'printf \'%s\\037\' "$(printf \'\\036\')$(date +%s.%N)" "$SLURM_JOB_ID" {name} "$@" '
            f">>{shlex.quote(str(log))}\n"
            f'{path}SLURM_CONF={shlex.quote(str(conf))} exec {shlex.quote(real)} "$@"\n',
            encoding="utf-8",
        )
        file.chmod(0o755)


def path_without(path: str, hidden: tuple[str, ...], store: Path) -> str:
    """The search path `path` without the commands `hidden`.

    A folder that has one of them is replaced by a folder of links to all its other files, made under `store`.
    """
    words = []
    for word in path.split(os.pathsep):
        folder = Path(word)
        if any((folder / name).exists() for name in hidden):
            word = str(_links(folder, hidden, store))
        words.append(word)
    return os.pathsep.join(words)


def _links(folder: Path, hidden: tuple[str, ...], store: Path) -> Path:
    copy = store / ("_".join(sorted(hidden)) + str(folder).replace("/", "_"))
    if not copy.exists():
        copy.mkdir(parents=True)
        for file in folder.iterdir():
            if file.name not in hidden:
                (copy / file.name).symlink_to(file)
    return copy
