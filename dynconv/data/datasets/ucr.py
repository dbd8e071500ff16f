"""The UCR archive of 2018: 128 univariate time-series classification datasets (`ucr/GunPoint`).

Their names and subsets are those of `dynconv/data/ucr_archive.csv`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import ts_archive, ucr_archive
from dynconv.data.base import Spec
from dynconv.data.series_files import Series, class_order, complete, completed, read_series, z_normalise

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

ARCHIVE = {entry.name: entry for entry in ucr_archive.read()}

SPEC = Spec(
    task="timeseries",
    title="UCR time series classification archive (2018)",
    source="https://www.timeseriesclassification.com",
    licence="free for research; see the archive's page of each dataset",
    citation="Dau et al. (2019), The UCR time series archive, IEEE/CAA J. Autom. Sinica 6(6):1293-1305",
    split_rule="the archive's own training and test files",
    members=tuple(ARCHIVE),
    subsets=ucr_archive.subsets(tuple(ARCHIVE.values())),
    member_facts=lambda member: ARCHIVE[member].facts,
)


def download(raw: Path, member: str) -> None:
    """The member's zip of timeseriesclassification.com, or its files of Zenodo, unless one of the layouts is there."""
    ts_archive.download(raw, member)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Series, float32 [1, L], L the length of the longest training series."""
    with ts_archive.published(raw, member) as (tree, train_path, test_path):
        padded = member in SPEC.subsets["ucr_varying"]
        train, test = (read_series(tree, path, padded=padded) for path in (train_path, test_path))
        writer.read_from(tree.origin)
    # Editions of the archive differ by a series or two in a few datasets (Chinatown: 343 or 345).
    writer.expect(ARCHIVE[member].facts, slack=5)
    classes = class_order({*train.labels, *test.labels})
    length = max(series.shape[-1] for series in train.values)
    writer.describe(
        classes,
        [
            *completed(length),
            "each series to mean 0 and (population) standard deviation 1; a constant series to 0",
            "labels to 0..K-1 in sorted order",
        ],
    )
    for split, series in (("train", train), ("test", test)):
        writer.split(split, _examples(series, classes, length))


def toy(raw: Path, member: str) -> None:
    """The first 12 series of each GunPoint file under the member's name."""
    ts_archive.toy(raw, member, "GunPoint", 12)


def _examples(series: Series, classes: list[str], length: int) -> Iterator[tuple[np.ndarray, int]]:
    for one, label in zip(series.values, series.labels, strict=True):
        yield z_normalise(complete(one, length)), classes.index(label)
