"""What a data folder could do without: what killed prepares have left, and archives whose datasets are prepared."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from dynconv import plugins
from dynconv.clean.finds import Age, Find, Kind, bytes_below, delete, times_below
from dynconv.data.base import ANY
from dynconv.data.prepare import RAW
from dynconv.data.store import ARRAYS, META, Meta, open_arrays, read_meta_of
from dynconv.errors import DynconvError
from dynconv.study import DATASETS, Study

_SCRATCH = re.compile(r"\.(.+)\.[0-9a-f]{12}\.(part|old)")  # the folders of `dynconv.data.writer`
_STORE = {META, *(f"{array}.npy" for array in ARRAYS)}


def kinds(study: Study, data: Path, age: Age) -> list[Kind]:
    """What is there to remove below `data`."""
    downloads = sorted(_downloads(study, data))
    left, done = (
        [path for path in paths if age.allows(path, times_below(path))]
        for paths in ([*_scratch(data), *_unfinished(data)], downloads)
    )
    return [
        Kind("what killed prepares have left", [_find(path) for path in left]),
        Kind("archives of prepared datasets", [_find(path) for path in done], "--downloads"),
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


def _unfinished(data: Path) -> Iterator[Path]:
    """Archives half-unpacked; and half-downloaded ones beside the whole one: no prepare will go on with them."""
    yield from sorted((data / RAW).glob("*/.unpack-*"))
    for part in sorted((data / RAW).glob("*/*.part")):
        if part.with_suffix("").exists() and _is_inside(data, part):
            yield part
            if (note := part.with_name(f"{part.name}.json")).is_file():
                yield note


def _downloads(study: Study, data: Path) -> set[Path]:
    """Archives that prepared datasets were read from, and that no dataset still waits for.

    What a `meta.json` names, and nothing else: a folder is the user's own, and so is all in a family of any name.
    """
    found: set[Path] = set()
    prepared = functools.cache(functools.partial(_prepared, data))  # of a whole family each member asks for all
    for dataset in study.datasets:
        family = dataset.name.partition("/")[0]
        members = plugins.load(DATASETS, family).SPEC.members
        meta = prepared(dataset.name)
        if meta is None or members == ANY:
            continue
        for file in meta.files:
            path = data / RAW / family / file.name
            own = members is None or file.name == f"{dataset.name.partition('/')[2]}.zip"
            # The archive of a whole family goes when all of the family is prepared.
            if own or all(prepared(f"{family}/{member}") for member in members or ()):
                found.add(path)
    return {path for path in found if path.is_file() and _is_inside(data, path)}


def _is_inside(data: Path, path: Path) -> bool:
    """Does it lie in the data folder itself, and is not, nor is its folder, a link to where others read it as well?"""
    return path.resolve() == data.resolve() / path.relative_to(data)


def _prepared(data: Path, name: str) -> Meta | None:
    """The `meta.json` of a store that is whole and no toy; None where there is none."""
    try:
        meta = read_meta_of(data / name, name)
        open_arrays(data / name, meta, hashes=False)
    except DynconvError:
        return None
    return None if meta.toy else meta
