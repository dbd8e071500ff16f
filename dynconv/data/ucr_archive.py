"""What is published of the UCR archive of 2018, from `ucr_archive.csv`, and the subsets that follow from them.

The table holds what the archive's own summary says of each dataset.  It is no declaration of what a prepared dataset
looks like: that is counted when it is prepared.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from dynconv.data.base import Facts

# Cuts that give three subsets of similar size (44, 42 and 31 datasets).
SHORT = 250
MEDIUM = 700


class Entry(NamedTuple):
    """One dataset of the archive."""

    name: str
    type: str  # where the series come from, in the archive's words: "Image", "Sensor", ...
    train: int  # series
    test: int  # series
    classes: int
    length: int | None  # time steps; None: it varies within the dataset
    missing: bool  # some values are missing

    @property
    def clean(self) -> bool:
        """Equal lengths, no missing values, more training series than classes (Fungi has one a class)."""
        return self.length is not None and not self.missing and self.train > self.classes

    @property
    def facts(self) -> Facts:
        """The same in the words that all datasets share."""
        shape = None if self.length is None else (1, self.length)
        return Facts(shape, self.classes, self.train, self.test, self.type)


def read() -> tuple[Entry, ...]:
    """The 128 datasets, by name."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return tuple(_entry(**row) for row in csv.DictReader(file))


def _entry(name: str, type: str, train: str, test: str, classes: str, length: str, missing: str) -> Entry:
    return Entry(name, type, int(train), int(test), int(classes), int(length) if length else None, missing == "yes")


def subsets(archive: tuple[Entry, ...]) -> dict[str, tuple[str, ...]]:
    """Words for parts of the archive: the clean 112, by length, by type.  Every dataset has one length and one type."""
    parts = {
        "ucr112": [entry.name for entry in archive if entry.clean],
        "ucr_missing": [entry.name for entry in archive if entry.missing],
    }
    for of in (_length, _type):
        for word in sorted(set(map(of, archive))):
            parts[word] = [entry.name for entry in archive if of(entry) == word]
    return {word: tuple(names) for word, names in parts.items()}


def _length(entry: Entry) -> str:
    if entry.length is None:
        return "ucr_varying"
    return "ucr_short" if entry.length <= SHORT else "ucr_medium" if entry.length <= MEDIUM else "ucr_long"


def _type(entry: Entry) -> str:
    return f"ucr_{entry.type.lower()}"
