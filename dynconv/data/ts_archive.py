"""The archives of timeseriesclassification.com and UCR: one dataset's training and test file, in any of their layouts.

Below `raw`, in this order:
    <name>.zip                                    as timeseriesclassification.com offers it: the .ts files
    <name>/<name>_{TRAIN,TEST}.{ts,tsv}           unpacked
    <name>_{TRAIN,TEST}.ts                        as Zenodo offers them
    UCRArchive_2018.zip or UCRArchive_2018/       the whole UCR archive: <name>/<name>_{TRAIN,TEST}.tsv
    {Univariate,Multivariate}_ts.zip or folder    the whole archive: <name>/<name>_{TRAIN,TEST}.ts
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

_WHOLE = ("UCRArchive_2018", "Univariate_ts", "Multivariate_ts")
_PASSWORD = b"someone"  # of UCRArchive_2018.zip; published beside it, so that people read the archive's paper first
_SUFFIXES = (".ts", ".tsv")

Found = tuple[Tree, str, str]


def download(raw: Path, name: str) -> None:
    """Fetch `<name>.zip`, or where that fails its two .ts files from Zenodo; nothing where `published` finds them.

    Raises:
        DynconvError: neither is to be had.
    """
    if _candidates(raw, name):
        return
    zipped = Remote((f"https://timeseriesclassification.com/aeon-toolkit/{name}.zip",))
    try:
        fetch([zipped], raw)
    except DynconvError as error:
        from aeon.datasets.tsc_datasets import tsc_zenodo

        if name not in tsc_zenodo:
            raise
        base = f"https://zenodo.org/records/{tsc_zenodo[name]}/files"
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
    refused = ""
    for place, root in _candidates(raw, name):
        if place.is_dir():
            if found := _files(FolderTree(place), name):
                yield found
                return
        else:
            with open_archive(place, root, _origin(place), _PASSWORD) as tree:
                if found := _files(tree, name):
                    yield found
                    return
        refused = refused or str(place)
    raise missing(f"{refused or raw / name}/{name}_TRAIN.ts")


def toy(raw: Path, name: str, source: str, count: int) -> None:
    """Write `<name>/<name>_{TRAIN,TEST}.ts` with the first `count` series of `source`, which aeon brings."""
    (raw / name).mkdir(parents=True)
    for split in ("TRAIN", "TEST"):
        text = (_bundled() / source / f"{source}_{split}.ts").read_text(encoding="utf-8")
        head, mark, data = text.partition("@data\n")
        short = head + mark + "\n".join(data.splitlines()[:count]) + "\n"
        (raw / name / f"{name}_{split}.ts").write_text(short, encoding="utf-8")


def _candidates(raw: Path, name: str) -> list[tuple[Path, str]]:
    """(archive or folder, root of the archive) that exist and can hold the dataset."""
    places = [(raw / f"{name}.zip", ""), (raw / name, "")]
    if (raw / f"{name}_TRAIN.ts").exists() and (raw / f"{name}_TEST.ts").exists():
        places.append((raw, ""))
    for whole in _WHOLE:
        places += [(raw / whole, ""), (raw / f"{whole}.zip", whole)]
    places.append((_bundled() / name, ""))
    return [(place, root) for place, root in places if place.exists()]


def _files(tree: Tree, name: str) -> Found | None:
    for folder in ("", name):
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
