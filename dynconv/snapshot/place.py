"""A folder that is either the old one or the new one, whole, although it is made of many files.

The new one is made in a scratch folder beside it, `.<name>.<host>.<process>.part`, and then takes its place.
"""

import contextlib
import errno
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from dynconv.errors import DynconvError
from dynconv.files import cause

MARK = "snapshot.json"  # a folder that holds it is a snapshot, and may be replaced
_ENDINGS = ("part", "old")
_STALE_S = 24 * 3600.0  # after which a scratch folder of another machine is taken for abandoned
_TRIES = 100


@contextlib.contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Yield a scratch folder; put it in the place of `out` when the block ends well, else remove it.

    Scratch folders that killed processes left beside `out` are removed.  Of two that replace `out` at the same time,
    the later stays.

    Raises:
        DynconvError: `out` is something else than a snapshot, or cannot be written.
    """
    out = out.resolve()
    _check(out)
    scratch, old = (out.parent / f".{out.name}.{socket.gethostname()}.{os.getpid()}.{end}" for end in _ENDINGS)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _tidy(out)
        shutil.rmtree(scratch, ignore_errors=True)  # of a killed process that had our number
        scratch.mkdir()
        yield scratch
        _swap(scratch, out, old)
    except OSError as error:
        raise DynconvError(f"{out}: cannot write: {cause(error)}") from error
    finally:
        for folder in (scratch, old):
            shutil.rmtree(folder, ignore_errors=True)


def _check(out: Path) -> None:
    if not out.exists() or (out / MARK).is_file() or (out.is_dir() and not any(out.iterdir())):
        return
    what = "holds something else than a snapshot" if out.is_dir() else "is a file"
    raise DynconvError(f"{out}: {what}; valid: a new folder, an empty one or an earlier snapshot")


def _swap(scratch: Path, out: Path, old: Path) -> None:
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            out.rename(old)
        try:
            scratch.rename(out)
            return
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                with contextlib.suppress(OSError):
                    old.rename(out)
                raise
        shutil.rmtree(old, ignore_errors=True)  # another snapshot has taken the place in between
    raise DynconvError(f"{out}: other snapshots take its place all the time; take one at a time")


def _tidy(out: Path) -> None:
    """Remove what killed ones left; if one was killed in the middle of the swap, the old folder goes back first."""
    for end in _ENDINGS[::-1]:
        for folder in sorted(out.parent.glob(f".{out.name}.*.{end}")):
            if not _abandoned(folder):
                continue
            if end == "old" and not out.exists():
                with contextlib.suppress(OSError):
                    folder.rename(out)
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    """Is its process gone?  Of another machine's that is not known, but its age is."""
    owner, _, process = folder.stem.rpartition(".")
    if not owner.endswith(f".{socket.gethostname()}") or not process.isdecimal():
        with contextlib.suppress(FileNotFoundError):
            return time.time() - folder.stat().st_mtime > _STALE_S
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # another user's
        return False
    return int(process) == os.getpid()
