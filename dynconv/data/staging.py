"""A node's own copy of a prepared dataset: from shared storage once, then read from the node's disk by every run.

Where `DYNCONV_SCRATCH` names a node-local folder, `open_staged` copies the arrays there, or finds them there.  A copy
is named by its content (`dataset_hash`), and `meta.json` is always the one of `--data`: other data are another copy.
Staging saves time and is no reason for a run to fail: where it is not possible, the run reads `--data`.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from dynconv.data.staging_cache import Entry, Unstaged, locked, make_room, place, root
from dynconv.data.store import ARRAYS, ArrayMeta, Meta, read_meta_of
from dynconv.errors import DynconvError
from dynconv.files import cause
from dynconv.quantities import size

Opened = TypeVar("Opened", covariant=True)
_CHUNK = 1 << 22  # bytes
_WORTH_TELLING_S = 1.0


class Opening(Protocol[Opened]):
    """What opens the arrays of a folder that a `meta.json` tells of."""

    def __call__(self, folder: Path, meta: Meta, *, hashes: bool) -> Opened:
        """`hashes`: compare digests too."""


def open_staged(folder: Path, name: str, opening: Opening[Opened], say: Callable[[str], None] | None = None) -> Opened:
    """Open the prepared dataset `name` of `folder` from the node's copy; from `folder` where there can be none.

    The digests are checked while the copy is made, and not again: a copy is used as long as the sizes and times of its
    files are those of that moment.  It is not removed while this process lives.

    Args:
        folder: `<data>/<name>`.
        name: the dataset.
        opening: `open_arrays`, or `open_training`, which leaves the test split alone.
        say: takes the one line that tells where the arrays are read, and why.

    Raises:
        DynconvError: as `open_store`, on what is in `folder`.
    """
    meta = read_meta_of(folder, name)
    if place() is None:
        return opening(folder, meta, hashes=True)
    try:
        store, line = _stage(root(), folder, meta)
        opened = opening(store, meta, hashes=False)
    except (Unstaged, OSError, DynconvError) as error:
        why = cause(error) if isinstance(error, OSError) else error
        line, opened = f"{name} is not staged: {why}; reads {folder}", opening(folder, meta, hashes=True)
    if say:
        say(line)
    return opened


def _stage(cache: Path, folder: Path, meta: Meta) -> tuple[Path, str]:
    """The folder of a whole copy that this process holds, and the line that tells of it."""
    if not meta.dataset_hash.isalnum():
        raise Unstaged(f"dataset_hash {meta.dataset_hash!r} of its meta.json is no digest")
    entry, start = Entry(cache / meta.dataset_hash), time.perf_counter()
    total = size(sum(meta.arrays[array].bytes for array in ARRAYS))
    entry.folder.mkdir(mode=0o700, exist_ok=True)
    with locked(entry.lock):
        waited = time.perf_counter() - start
        if _is_whole(entry.store, meta):
            line = f"{meta.name} is staged: reads {total} in {entry.store}"
            line += f", waited {waited:.1f} s for the copy" if waited > _WORTH_TELLING_S else ""
        else:
            altered = "; the copy there had been altered" if entry.store.exists() else ""
            _copy(cache, entry, folder, meta)
            seconds = time.perf_counter() - start - waited
            line = f"{meta.name} is staged: {total} copied from {folder} to {entry.store} in {seconds:.1f} s{altered}"
        entry.hold()
        os.utime(entry.lock)
    return entry.store, line


def _copy(cache: Path, entry: Entry, folder: Path, meta: Meta) -> None:
    """Make the copy, whole or not at all."""
    entry.remove()
    try:
        with locked(cache / "lock"):
            make_room(cache, sum(meta.arrays[array].bytes for array in ARRAYS))
            entry.part.mkdir(mode=0o700)
            for array in ARRAYS:
                _reserve(entry.part / f"{array}.npy", meta.arrays[array].bytes)
        for array in ARRAYS:
            _copy_file(folder / f"{array}.npy", entry.part / f"{array}.npy", meta.arrays[array])
        (entry.part / entry.stamp.name).write_text(json.dumps(_stamp(entry.part, meta)), encoding="utf-8")
        os.replace(entry.part, entry.store)
    finally:
        shutil.rmtree(entry.part, ignore_errors=True)


def _reserve(file: Path, count: int) -> None:
    """A full disk is found out now, and by one of two copies that begin at once."""
    with file.open("xb") as new:
        os.posix_fallocate(new.fileno(), 0, count)


def _copy_file(source: Path, target: Path, expected: ArrayMeta) -> None:
    digest, count = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("r+b") as writer:
        while count <= expected.bytes and (chunk := reader.read(_CHUNK)):
            digest.update(chunk)
            writer.write(chunk)
            count += len(chunk)
        writer.flush()
        os.fsync(writer.fileno())  # a node that crashes leaves no zeros under a good name
    if (count, digest.hexdigest()) != (expected.bytes, expected.sha256):
        raise Unstaged(f"{source} is not what its meta.json says")
    target.chmod(0o444)


def _stamp(store: Path, meta: Meta) -> dict[str, list]:
    """Of each array the digest, and what every write to its file changes."""
    states = {array: (store / f"{array}.npy").stat() for array in ARRAYS}
    return {
        array: [meta.arrays[array].sha256, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        for array, state in states.items()
    }


def _is_whole(store: Path, meta: Meta) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((store / "staged.json").read_text(encoding="utf-8")) == _stamp(store, meta)
    return False
