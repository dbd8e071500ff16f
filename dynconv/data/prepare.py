"""`dynconv prepare`: from a dataset's name to its arrays."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dynconv.data.bars import bars, interruptible
from dynconv.data.base import Facts, find
from dynconv.data.lock import exclusive
from dynconv.data.store import META, open_store, read_meta
from dynconv.data.writer import Writer
from dynconv.errors import DynconvError

RAW = "_raw"  # published files, as downloaded; no dataset's name may begin with an underscore
_PARALLEL = 4  # datasets at a time: many small ones wait for the network more than for a processor


def prepare(
    name: str, data: Path, *, download: bool = True, toy: bool = False, raw: Path | None = None, force: bool = False
) -> Path:
    """Make `<data>/<name>/` from the published files; return the path of its `meta.json`.

    A store that is there and whole is kept.  Of two processes at once the second waits and finds it.  It appears whole
    or not at all; after an error the old one is still there.

    Args:
        name: of the dataset.
        data: the folder of the stores.
        download: False: use only files that are there.
        toy: write a very small dataset of the published format instead and read that.
        raw: where the published files are or go; None: `<data>/_raw/<family>/`.
        force: make the store anew, even if there is one.

    Raises:
        DynconvError: unknown dataset, files missing or unreadable, download or writing failed; or a toy would take
            the place of a real dataset.
    """
    module, member = find(name)
    data = Path(data)
    folder = data / name
    if toy and (folder / META).exists() and not read_meta(folder / META).toy:
        raise DynconvError(f"{folder}: holds the real {name}; prepare the toy in another --data folder")
    try:
        if not force and _whole(folder, name, toy):  # before the lock: it may lie where nobody can write
            _tell_kept(folder, module.SPEC.facts)
            return folder / META
        with contextlib.ExitStack() as stack:
            locked = stack.enter_context(exclusive(folder.with_name(f".{folder.name}.lock")))
            if locked:
                _tidy(folder)
            if not force and _whole(folder, name, toy):  # another process was faster
                return folder / META
            if toy:
                raw = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dynconv-toy-")))
                module.toy(raw, member)
            else:
                raw = raw or data / RAW / name.partition("/")[0]
                if download:
                    module.download(raw, member)
            writer = stack.enter_context(Writer(folder, name, module.SPEC, toy=toy))
            module.prepare(raw, writer, member)
    except OSError as error:
        raise DynconvError(f"{name}: cannot be prepared: {error}") from error
    return folder / META


def prepare_all(names: Iterable[str], make: Callable[[str], Path], say: Callable[[str], None]) -> list[str]:
    """`make(name)`, which is `prepare` with its arguments, for each name; what one meets does not stop the others.

    Returns:
        A line for each name that failed, in the order of the names.
    """

    def one(name: str) -> str | None:
        try:
            say(str(make(name)))
        except DynconvError as error:
            return str(error)
        return None

    with bars(), ThreadPoolExecutor(_PARALLEL) as pool, interruptible():
        return [problem for problem in pool.map(one, names) if problem]


def _whole(folder: Path, name: str, toy: bool) -> bool:
    if not (folder / META).exists():
        return False
    try:
        return open_store(folder, name).meta["toy"] is toy
    except DynconvError:  # altered, truncated or of an older version
        return False


def _tell_kept(folder: Path, facts: Facts | None) -> None:
    """Pascal VOC made without SBD would stay so in silence."""
    meta = read_meta(folder / META)
    if facts and facts.train and not meta.toy and meta.counts["train"] != facts.train:
        told = f"{meta.name}: kept with {meta.counts['train']} training examples; as published {facts.train}"
        print(f"{told}: --force makes it anew", file=sys.stderr)


def _tidy(folder: Path) -> None:
    """Undo what killed processes have left: whoever holds the lock is the only one that writes here."""
    # The whole name: `pets.v2` is another dataset than `pets`.
    own = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{12}}\.(part|old)")
    left = [path for path in folder.parent.iterdir() if own.fullmatch(path.name)]
    for aside in left:
        # Killed between putting the old store aside and the new one in its place.
        if aside.suffix == ".old" and not folder.exists():
            os.replace(aside, folder)
    for scratch in left:
        shutil.rmtree(scratch, ignore_errors=True)
