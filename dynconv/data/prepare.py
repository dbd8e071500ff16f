"""`dynconv prepare`: from a dataset's name to its arrays."""

import contextlib
import tempfile
from pathlib import Path

from dynconv.data.base import find
from dynconv.data.store import META, read_meta
from dynconv.data.writer import Writer
from dynconv.errors import DynconvError

RAW = "_raw"  # published files, as downloaded; no dataset's name may begin with an underscore


def prepare(name: str, data: Path, *, download: bool = True, toy: bool = False) -> Path:
    """Make `<data>/<name>/` from the published files in `<data>/_raw/<family>/`; return the path of its `meta.json`.

    `download=False` uses the files that are there.  `toy=True` writes a very small dataset of the published format
    instead and reads that.

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
        with contextlib.ExitStack() as stack:
            if toy:
                raw = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dynconv-toy-")))
                module.toy(raw, member)
            else:
                raw = data / RAW / name.partition("/")[0]
                if download:
                    module.download(raw, member)
            writer = stack.enter_context(Writer(folder, name, module.SPEC, toy=toy))
            module.prepare(raw, writer, member)
    except OSError as error:
        raise DynconvError(f"{name}: cannot be prepared: {error}") from error
    return folder / META
