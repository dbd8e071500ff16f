"""The archives of timeseriesclassification.com and UCR: one dataset's training and test file, in any of their layouts.

Below `raw`, in this order:
    <name>.zip                                    as timeseriesclassification.com offers it: the .ts files
    <name>/<name>_{TRAIN,TEST}.{ts,tsv}           unpacked
    <name>_{TRAIN,TEST}.ts                        as Zenodo offers them
    UCRArchive_2018.zip or UCRArchive_2018/       the whole UCR archive: <name>/<name>_{TRAIN,TEST}.tsv
    {Univariate,Multivariate}_ts.zip or folder    the whole archive: <name>/<name>_{TRAIN,TEST}.ts; the zip may be
                                                  called {Univariate,Multivariate}2018_ts.zip, as it is published
and last the few datasets that come with the aeon package.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynconv.data.archives import open_archive
from dynconv.data.fetch import fetch
from dynconv.data.published import origin
from dynconv.data.remote import Remote
from dynconv.data.tree import FolderTree, Origin, Tree, missing
from dynconv.errors import DynconvError

_SITE = "https://timeseriesclassification.com/aeon-toolkit"
_ZENODO = "https://zenodo.org/records"
_WHOLE = ("UCRArchive_2018", "Univariate_ts", "Multivariate_ts")
_ZIPS = (*(f"{whole}.zip" for whole in _WHOLE), "Univariate2018_ts.zip", "Multivariate2018_ts.zip")
_PASSWORD = b"someone"  # of UCRArchive_2018.zip; published beside it, so that people read the archive's paper first
_SUFFIXES = (".ts", ".tsv")

Found = tuple[Tree, str, str]


def download(raw: Path, name: str) -> None:
    """Fetch `<name>.zip`, or where that fails its two .ts files from Zenodo; nothing where `published` finds them.

    Raises:
        DynconvError: neither is to be had.
    """
    with _find(raw, name) as found:
        if found:
            return
    zipped = Remote((f"{_SITE}/{name}.zip",))
    try:
        fetch([zipped], raw)
    except DynconvError as error:
        from aeon.datasets.tsc_datasets import tsc_zenodo

        if name not in tsc_zenodo:
            raise
        base = f"{_ZENODO}/{tsc_zenodo[name]}/files"
        try:
            fetch([Remote((f"{base}/{name}_{split}.ts",)) for split in ("TRAIN", "TEST")], raw)
        except DynconvError as other:
            raise DynconvError(f"{error}; {other}") from None


@contextmanager
def published(raw: Path, name: str) -> Iterator[Found]:
    """The tree that holds the files of `name`, and the paths of its training and its test file in it.

    Raises:
        DynconvError: they are nowhere, or as `open_archive`.
    """
    with _find(raw, name) as found:
        if not found:
            raise missing(f"{raw / name / name}_TRAIN.ts")
        yield found


def toy(raw: Path, name: str, source: str, count: int) -> None:
    """Write `<name>/<name>_{TRAIN,TEST}.ts` with the first `count` series of `source`, which aeon brings."""
    (raw / name).mkdir(parents=True)
    for split in ("TRAIN", "TEST"):
        text = (_bundled() / source / f"{source}_{split}.ts").read_text(encoding="utf-8")
        head, mark, data = text.partition("@data\n")
        short = head + mark + "\n".join(data.splitlines()[:count]) + "\n"
        (raw / name / f"{name}_{split}.ts").write_text(short, encoding="utf-8")


@contextmanager
def _find(raw: Path, name: str) -> Iterator[Found | None]:
    for place in _places(raw, name):
        if place.is_dir():
            if found := _files(FolderTree(place), name):
                yield found
                return
        else:
            with open_archive(place, "", _origin(place), _PASSWORD) as tree:
                if found := _files(tree, name):
                    yield found
                    return
    yield None


def _places(raw: Path, name: str) -> list[Path]:
    """The archives and folders that exist and may hold the dataset."""
    places = [raw / f"{name}.zip", raw / name]
    if (raw / f"{name}_TRAIN.ts").exists() and (raw / f"{name}_TEST.ts").exists():
        places.append(raw)
    places += [*(raw / folder for folder in _WHOLE), *(raw / archive for archive in _ZIPS), _bundled() / name]
    return [place for place in places if place.exists()]


def _files(tree: Tree, name: str) -> Found | None:
    for folder in ("", name, *(f"{whole}/{name}" for whole in _WHOLE)):
        held = set(tree.files(folder))
        for suffix in _SUFFIXES:
            train, test = (f"{folder}/{name}_{split}{suffix}".lstrip("/") for split in ("TRAIN", "TEST"))
            if train in held and test in held:
                return tree, train, test
    return None


def _bundled() -> Path:
    """The folder of the datasets that come with aeon, found without importing it."""
    spec = importlib.util.find_spec("aeon")
    return Path(spec.origin).parent / "datasets" / "data" if spec and spec.origin else Path("aeon")


_origins: dict[tuple[Path, int, int], Origin] = {}


def _origin(place: Path) -> Origin:
    """As `published.origin`, once for an archive of many datasets."""
    state = place.stat()
    key = (place, state.st_size, state.st_mtime_ns)
    if key not in _origins:
        _origins[key] = origin(place)
    return _origins[key]
