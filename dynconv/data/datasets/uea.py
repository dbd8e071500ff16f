"""The UEA archive of 2018: 30 multivariate time-series classification datasets (`uea/BasicMotions`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import ts_archive
from dynconv.data.base import Spec
from dynconv.data.series_files import Series, class_order, complete, completed, read_series
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

_MEMBERS = """
    ArticularyWordRecognition AtrialFibrillation BasicMotions CharacterTrajectories Cricket DuckDuckGeese ERing
    EigenWorms Epilepsy EthanolConcentration FaceDetection FingerMovements HandMovementDirection Handwriting Heartbeat
    InsectWingbeat JapaneseVowels LSST Libras MotorImagery NATOPS PEMS-SF PenDigits PhonemeSpectra RacketSports
    SelfRegulationSCP1 SelfRegulationSCP2 SpokenArabicDigits StandWalkJump UWaveGestureLibrary
"""

SPEC = Spec(
    task="timeseries",
    title="UEA multivariate time series classification archive (2018)",
    source="https://www.timeseriesclassification.com",
    licence="free for research; see the archive's page of each dataset",
    citation="Bagnall et al. (2018), The UEA multivariate time series classification archive, arXiv:1811.00075",
    split_rule="the archive's own training and test files",
    members=tuple(_MEMBERS.split()),
)


def download(raw: Path, member: str) -> None:
    """The member's zip of timeseriesclassification.com, or its files of Zenodo, unless one of the layouts is there."""
    ts_archive.download(raw, member)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Series, float32 [C, L], L the length of the longest training series.

    The level of a channel carries meaning here, which series normalised one by one would lose: the same small network
    then gets 0.59 instead of 0.96 of JapaneseVowels right.  So each channel is normalised as a whole, as images are.
    """
    with ts_archive.published(raw, member) as (tree, train_path, test_path):
        train, test = (read_series(tree, path) for path in (train_path, test_path))
        writer.read_from(tree.origin)
        channels = len(train.values[0])
        for path, series in ((train_path, train), (test_path, test)):
            if other := {len(one) for one in series.values} - {channels}:
                raise DynconvError(f"{tree.where(path)}: a series has {other.pop()} channels, the first one {channels}")
    classes = class_order({*train.labels, *test.labels})
    length = max(series.shape[-1] for series in train.values)
    writer.describe(
        classes,
        [
            *completed(length),
            "each channel to mean 0 and standard deviation 1 over the training split; a constant channel to 0",
            "labels to 0..K-1 in sorted order",
        ],
    )
    mean, std = _moments(train, length)
    for split, series in (("train", train), ("test", test)):
        writer.split(split, _examples(series, classes, length, mean, std))


def toy(raw: Path, member: str) -> None:
    """The first 12 series of each BasicMotions file under the member's name."""
    ts_archive.toy(raw, member, "BasicMotions", 12)


def _moments(series: Series, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of each channel, [C, 1]; infinite for a constant channel."""
    count = len(series.values) * length
    mean = sum(complete(one, length).sum(axis=-1, keepdims=True) for one in series.values) / count
    squares = (np.square(complete(one, length) - mean).sum(axis=-1, keepdims=True) for one in series.values)
    std = np.sqrt(sum(squares) / count)
    return mean, np.where(std > 1e-8, std, np.inf)


def _examples(
    series: Series, classes: list[str], length: int, mean: np.ndarray, std: np.ndarray
) -> Iterator[tuple[np.ndarray, int]]:
    for one, label in zip(series.values, series.labels, strict=True):
        yield ((complete(one, length) - mean) / std).astype(np.float32), classes.index(label)
