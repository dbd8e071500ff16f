"""The UCR archive of 2018: 128 univariate time-series classification datasets (`ucr/GunPoint`).

Their names and subsets are those of `dynconv/data/ucr_archive.csv`.
"""

import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import ucr_archive
from dynconv.data.base import Spec
from dynconv.data.download import place
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

_ARCHIVE = ucr_archive.read()

SPEC = Spec(
    task="timeseries",
    title="UCR time series classification archive (2018)",
    source="https://www.timeseriesclassification.com",
    licence="free for research; see the archive's page of each dataset",
    citation="Dau et al. (2019), The UCR time series archive, IEEE/CAA J. Autom. Sinica 6(6):1293-1305",
    split_rule="the archive's own training and test files",
    members=tuple(facts.name for facts in _ARCHIVE),
    subsets=ucr_archive.subsets(_ARCHIVE),
)


def download(raw: Path, member: str) -> None:
    """Fetch `<member>_{TRAIN,TEST}.ts` through aeon, unless they are under `raw` or in aeon's package."""
    if all(path.is_file() for path in _paths(raw, member)):
        return
    from aeon.datasets import load_classification

    try:
        raw.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=raw, prefix=".download-") as scratch:
            load_classification(member, extract_path=scratch)
            place(Path(scratch) / member, raw / member)
    except (OSError, ValueError) as error:
        raise DynconvError(f"ucr/{member}: download failed: {error}; or put its .ts files in {raw / member}") from error


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Series, float32 [1, L], L the length of the longest training series."""
    (train_x, train_y), (test_x, test_y) = (_read(path) for path in _paths(raw, member))
    classes = _in_order(set(train_y) | set(test_y))
    length = max(series.shape[-1] for series in train_x)
    writer.describe(
        classes,
        [
            "missing values: linear interpolation within the series, nearest value at its ends",
            f"unequal lengths: linear resampling to the longest training series ({length})",
            "each series to mean 0 and (population) standard deviation 1; a constant series to 0",
            "labels to 0..K-1 in sorted order",
        ],
    )
    for split, series, labels in (("train", train_x, train_y), ("test", test_x, test_y)):
        writer.split(split, _examples(series, labels, classes, length))


def toy(raw: Path, member: str) -> None:
    """The first 12 series of each GunPoint file under the member's name."""
    sources = _paths(raw, "GunPoint")  # before its folder exists: then they are the ones in aeon's package
    (raw / member).mkdir(parents=True)
    for path, name in zip(sources, ("TRAIN", "TEST"), strict=True):
        head, mark, data = path.read_text(encoding="utf-8").partition("@data\n")
        text = head + mark + "\n".join(data.splitlines()[:12]) + "\n"
        (raw / member / f"{member}_{name}.ts").write_text(text, encoding="utf-8")


def z_normalise(series: np.ndarray) -> np.ndarray:
    """Each channel of [C, L] to mean 0 and population standard deviation 1 (float32); a constant one to 0."""
    centred = series - series.mean(axis=-1, keepdims=True)
    deviation = centred.std(axis=-1, keepdims=True)
    return (centred / np.where(deviation > 1e-8, deviation, np.inf)).astype(np.float32)


def complete(series: np.ndarray, length: int) -> np.ndarray:
    """[C, T] with missing values (NaN) to [C, length] without, both by linear interpolation; C is usually 1."""
    times = np.arange(series.shape[-1])
    wanted = times if len(times) == length else np.linspace(0, len(times) - 1, length)
    known = np.isfinite(series)
    return np.stack([np.interp(wanted, times[k], row[k]) for row, k in zip(series, known, strict=True)])


def _paths(raw: Path, member: str) -> tuple[Path, Path]:
    """The training and test file: under `raw`, else in aeon's package, which carries six of the datasets."""
    names = [f"{member}/{member}_{split}.ts" for split in ("TRAIN", "TEST")]
    spec = importlib.util.find_spec("aeon")
    if spec is not None and spec.origin is not None and not (raw / member).is_dir():
        bundled = Path(spec.origin).parent / "datasets" / "data"
        if all((bundled / name).is_file() for name in names):
            raw = bundled
    return raw / names[0], raw / names[1]


def _read(path: Path) -> tuple[Sequence[np.ndarray], list[str]]:
    from aeon.datasets import load_from_ts_file

    try:
        series, labels = load_from_ts_file(str(path))
    except FileNotFoundError:
        raise DynconvError(
            f"{path}: no such file; run without --no-download or put the archive's .ts files there"
        ) from None
    except (OSError, ValueError, IndexError) as error:
        raise DynconvError(f"{path}: not a readable .ts file: {error}") from None
    for index, one in enumerate(series):
        if not np.isfinite(one).any(axis=-1).all():
            raise DynconvError(f"{path}: series {index} has no value")
    return series, [str(label) for label in labels]


def _in_order(labels: set[str]) -> list[str]:
    """Numbers by value, other names by the alphabet."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


def _examples(
    series: Sequence[np.ndarray], labels: list[str], classes: list[str], length: int
) -> Iterator[tuple[np.ndarray, int]]:
    for one, label in zip(series, labels, strict=True):
        yield z_normalise(complete(one, length)), classes.index(label)
