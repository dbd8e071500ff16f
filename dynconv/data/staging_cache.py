"""The node-local folder of staged copies: who may touch which copy, and which go when room is needed.

    $DYNCONV_SCRATCH/dynconv-<uid>/lock   held while room is made
    .../<dataset_hash>/lock               held by who looks for the copy, makes or removes it; its time: the last use
    .../<dataset_hash>/store/             the copy; each process that reads it holds its `staged.json` (shared)
    .../<dataset_hash>/store.part/        a copy that is being made; if nobody holds the lock, what a kill has left

The locks are `flock`s: the kernel gives them back when a process ends, however it ends.
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dynconv.quantities import parse_size, size

SCRATCH, LIMIT = "DYNCONV_SCRATCH", "DYNCONV_SCRATCH_LIMIT"
_SHARE = 0.8  # of what is free and what the copies take already: the limit where none is set


class Unstaged(Exception):
    """Why a dataset is read where it is, in one line."""


@dataclass(frozen=True)
class Entry:
    """The place of one staged dataset."""

    folder: Path

    @property
    def lock(self) -> Path:
        """What `locked` and `idle` hold."""
        return self.folder / "lock"

    @property
    def store(self) -> Path:
        """The whole copy."""
        return self.folder / "store"

    @property
    def part(self) -> Path:
        """One that is being made."""
        return self.folder / "store.part"

    @property
    def stamp(self) -> Path:
        """What the copy's files were when it was made; locked by its readers."""
        return self.store / "staged.json"

    @property
    def bytes(self) -> int:
        """Of all its files, room that a copy has reserved included."""
        return sum(_size(file) for file in self.folder.glob("*/*"))

    def hold(self) -> None:
        """Keep the copy from eviction until this process ends; call with the lock held."""
        descriptor = os.open(self.stamp, os.O_RDWR)  # never closed
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    def in_use(self) -> bool:
        """Does a process hold the copy?  Call with the lock held."""
        try:
            with _opened(self.stamp) as descriptor:
                return not _taken(descriptor)
        except FileNotFoundError:
            return False

    def remove(self) -> None:
        """Delete the copy; call with the lock held.  The empty lock stays: who waits for it must find the same file."""
        for folder in (self.part, self.store):
            shutil.rmtree(folder, ignore_errors=True)


def place() -> Path | None:
    """This user's folder of copies, which need not exist; None where `DYNCONV_SCRATCH` is not set."""
    scratch = os.environ.get(SCRATCH)
    return Path(scratch, f"dynconv-{os.getuid()}") if scratch else None


def root() -> Path:
    """The folder of `place`, made if need be and safe to use.

    Raises:
        Unstaged: the node has no such disk, or others may write there.
        OSError: it cannot be made.
    """
    folder = place()
    if folder is None or not folder.parent.is_dir():
        raise Unstaged(f"{SCRATCH}={os.environ.get(SCRATCH, '')} is no folder on this node")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unstaged(f"others may write in {folder}; valid: a folder of yours with mode 0700")
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path`; waits for whoever has it."""
    with _opened(path, os.O_CREAT) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def idle(folder: Path) -> Iterator[list[Entry]]:
    """The copies that no process reads, makes or looks at, least recently used first; held until the block ends.

    What killed copies have left in them is removed.
    """
    with contextlib.ExitStack() as held:
        found = []
        for entry in sorted(entries(folder), key=lambda entry: entry.lock.stat().st_mtime_ns):
            if not _taken(held.enter_context(_opened(entry.lock))):
                continue
            shutil.rmtree(entry.part, ignore_errors=True)
            if entry.store.exists() and not entry.in_use():
                found.append(entry)
        yield found


def entries(folder: Path) -> list[Entry]:
    """All entries."""
    return [Entry(lock.parent) for lock in folder.glob("*/lock")]


def make_room(folder: Path, need: int) -> None:
    """Remove copies that nobody reads, least recently used first, until `need` more bytes fit; none if they never will.

    Call with `folder/lock` held, and reserve the bytes before it is given back.

    Raises:
        Unstaged: they do not fit, or the limit is no size.
    """
    with idle(folder) as unread:
        taken = sum(entry.bytes for entry in entries(folder))
        limit = _limit(folder, taken)
        room, leaving = limit - taken, []
        for entry in unread:
            if need <= room:
                break
            leaving.append(entry)
            room += entry.bytes
        if need > room:
            raise Unstaged(
                f"{folder} has no {size(need)} left: the limit is {size(limit)}, {size(limit - room)} in use"
            )
        for entry in leaving:
            entry.remove()


def _limit(folder: Path, taken: int) -> int:
    """Bytes that all copies together may take."""
    most = shutil.disk_usage(folder).free + taken
    told = os.environ.get(LIMIT)
    if not told:
        return int(_SHARE * most)
    try:
        return min(parse_size(told), most)
    except ValueError as error:
        raise Unstaged(f"{LIMIT}: {error}") from None


@contextlib.contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # removed meanwhile
        return 0
