"""Published files, fetched: whole, verified, and once, however many processes want them."""

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

from dynconv import files
from dynconv.data.bars import Start, bars, interruptible
from dynconv.data.lock import exclusive
from dynconv.data.remote import Remote, check, digest
from dynconv.data.transfer import forget, transfer
from dynconv.errors import DynconvError

MIRROR = "DYNCONV_MIRROR"  # base URLs, separated by spaces, that are asked before the publisher
_PARALLEL = 4  # files at a time: a publisher's server is shared by many


def fetch(remotes: Iterable[Remote], raw: Path) -> None:
    """Put published files into `raw`, several at a time; those that are there stay as they are.

    A file appears when it is whole and its checksum is the published one.  A download that was cut off is continued.

    Raises:
        DynconvError: no source has the file; says what each of them answered, and where to put the file by hand.
    """
    missing = [remote for remote in remotes if not (raw / remote.name).exists()]
    if not missing:
        return
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with bars() as start, ThreadPoolExecutor(_PARALLEL) as pool, interruptible():
            for _ in pool.map(partial(_fetch, raw=raw, start=start), missing):
                pass
    except OSError as error:
        raise DynconvError(f"{raw}: cannot write: {files.cause(error)}") from error


def _fetch(remote: Remote, raw: Path, start: Start) -> None:
    path = raw / remote.name
    with exclusive(raw / f".{remote.name}.lock") as locked:
        if path.exists():  # another process was faster
            return
        # Without locks another process may be at the same file: then each has a part of its own.
        part = raw / (f"{remote.name}.part" if locked else f"{remote.name}.{uuid4().hex[:8]}.part")
        try:
            _bring(remote, part, start, raw)
            os.replace(part, path)
            forget(part)
        finally:
            if not locked:  # nobody would continue it
                forget(part)


def _bring(remote: Remote, part: Path, start: Start, raw: Path) -> None:
    """Bring `part` to the whole file from the first source that has it."""
    problems = []
    mirrors = [f"{base.rstrip('/')}/{remote.name}" for base in os.environ.get(MIRROR, "").split()]
    for url in (*mirrors, *remote.urls):
        try:
            _verified(remote, url, part, start)
            return
        except DynconvError as error:
            problems.append(str(error))
    causes = "; ".join(problems)
    raise DynconvError(f"{remote.name}: not fetched: {causes}; put it into {raw} by hand and use --no-download")


def _verified(remote: Remote, url: str, part: Path, start: Start) -> None:
    """Bring `part` to the whole file, verified; DynconvError otherwise, and nothing wrong is kept."""
    resumed = part.exists()
    transfer(url, part, start(remote.name))
    try:
        check(remote, digest(part), url)
        if not remote.checksum:
            _check_kind(part, remote.name, url)
    except DynconvError:
        forget(part)
        if not resumed:
            raise
        _verified(remote, url, part, start)  # the older half may be to blame


def _check_kind(part: Path, name: str, url: str) -> None:
    """Without a checksum: is it at least of its kind, not a web page that says there is none?"""
    kinds: dict[str, Callable[[Path], bool]] = {".zip": zipfile.is_zipfile, ".ts": _is_ts}
    if not kinds.get(Path(name).suffix, tarfile.is_tarfile)(part):
        raise DynconvError(f"{url}: what the server sent is no {Path(name).suffix} file")


def _is_ts(path: Path) -> bool:
    with path.open("rb") as file:
        return any(line.strip().lower() == b"@data" for line in file)
