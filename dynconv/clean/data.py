"""What a data folder could do without: what killed prepares have left, and downloads that have been prepared."""

import re
from collections.abc import Iterator
from pathlib import Path

from dynconv.clean.finds import Age, Find, Kind, bytes_below, delete, times_below
from dynconv.data.prepare import RAW
from dynconv.data.store import ARRAYS, META, read_meta
from dynconv.errors import DynconvError
from dynconv.study import Study

_SCRATCH = re.compile(r"\.(.+)\.[0-9a-f]{12}\.(part|old)")  # the folders of `dynconv.data.writer`
_STORE = {META, *(f"{array}.npy" for array in ARRAYS)}


def kinds(study: Study, data: Path, age: Age) -> list[Kind]:
    """What is there to remove below `data`."""
    left = [*_scratch(data), *_unfinished(study, data)]
    left = [path for path in left if age.allows(path, times_below(path))]
    done = [path for path in _downloads(study, data) if path not in left]
    return [
        Kind("what killed prepares have left", [_find(path) for path in left]),
        Kind("downloads of prepared datasets", [_find(path) for path in done], "--downloads"),
    ]


def _find(path: Path) -> Find:
    return Find(path, bytes_below(path), lambda: delete(path))


def _scratch(data: Path) -> Iterator[Path]:
    """Stores that were being written, and old ones whose place a new one has taken."""
    for path in sorted([*data.glob(".*.*"), *data.glob("[!._]*/.*.*")]):
        match = _SCRATCH.fullmatch(path.name)
        if not match or path.is_symlink() or not path.is_dir():
            continue
        ours = all(file.name in _STORE or file.name.startswith(f".{META}.") for file in path.iterdir())
        # An old store without a new one is the last there is: the kill came between the two steps.
        if ours and (match[2] == "part" or (path.parent / match[1] / META).is_file()):
            yield path


def _unfinished(study: Study, data: Path) -> Iterator[Path]:
    """Archives half-unpacked; and half-downloaded, but for those whose dataset still waits for them."""
    yield from sorted((data / RAW).glob("*/.unpack-*"))
    for folder in _prepared_families(study, data):
        yield from sorted(folder.glob("*.part"))


def _downloads(study: Study, data: Path) -> Iterator[Path]:
    """Published files that were needed to prepare, and are not to train."""
    for folder in _prepared_families(study, data):
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _prepared_families(study: Study, data: Path) -> Iterator[Path]:
    """The folders of published files all of whose datasets, as far as the study names them, are prepared."""
    families: dict[str, list[str]] = {}
    for dataset in study.datasets:
        families.setdefault(dataset.name.partition("/")[0], []).append(dataset.name)
    for family, names in families.items():
        folder = data / RAW / family
        if folder.is_dir() and not folder.is_symlink() and all(_is_prepared(data / name) for name in names):
            yield folder


def _is_prepared(store: Path) -> bool:
    try:
        return not read_meta(store / META).toy
    except DynconvError:
        return False
