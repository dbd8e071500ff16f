"""One process at a time."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` while the block runs; wait for whoever holds it.  It is gone afterwards.

    The lock is the kernel's and ends with the process, however that ends.  Yields False where the file system has no
    locks: then nothing is held, and what the block writes must be safe by itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                yield False
                return
            if not _same(handle, path):  # its last holder has removed it in the meantime
                continue
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)  # while it is held: whoever waits for it sees that, and makes another
            return
        finally:
            os.close(handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
