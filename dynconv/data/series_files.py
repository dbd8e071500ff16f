"""Published time series: `.ts` files of timeseriesclassification.com and `.tsv` files of the UCR archive, and the rules
that make of unequal or incomplete series arrays of one shape."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynconv.data.tree import Tree, missing, read
from dynconv.errors import DynconvError


class Series(NamedTuple):
    """The examples of one published file."""

    values: Sequence[np.ndarray]  # float [C, T] each, NaN where a value is missing; T may differ
    labels: list[str]


def read_series(tree: Tree, path: str, *, padded: bool = False) -> Series:
    """Read a `.ts` or `.tsv` file.

    Args:
        tree: that holds it.
        path: of the file.
        padded: NaN at the end of a `.tsv` series fills it up to the longest one: take it away.

    Raises:
        DynconvError: no such file, not of its format, or a series without a value in one of its channels.
    """
    try:
        values, labels = _read_ts(tree, path) if path.endswith(".ts") else _read_tsv(tree, path, padded)
    except FileNotFoundError:
        raise missing(tree.where(path)) from None
    except DynconvError:
        raise
    except Exception as error:  # the parsers raise whatever the damage leads them to
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DynconvError(f"{tree.where(path)}: not a readable {Path(path).suffix} file: {cause}") from None
    if not labels:
        raise DynconvError(f"{tree.where(path)}: has no series")
    for index, (one, label) in enumerate(zip(values, labels, strict=True)):
        if not label:
            raise DynconvError(f"{tree.where(path)}: series {index} has no label")
        if not one.size or not np.isfinite(one).any(axis=-1).all():
            raise DynconvError(f"{tree.where(path)}: series {index} has no value")
    return Series(values, [_class_name(label) for label in labels])


def class_order(labels: set[str]) -> list[str]:
    """Class names: numbers by value, other names by the alphabet."""
    try:
        return sorted(sorted(labels), key=float)
    except ValueError:
        return sorted(labels)


def _class_name(label: str) -> str:
    """Whole numbers are written in many ways: `1`, `1.0`, `1.0000000e+00`."""
    try:
        value = float(label)
    except ValueError:
        return label
    return str(int(value)) if value.is_integer() else label


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


def completed(length: int) -> tuple[str, str]:
    """What `complete` does, in the words of `meta.json`."""
    return (
        "missing values: linear interpolation within the series, nearest value at its ends",
        f"unequal lengths: linear resampling to the longest training series ({length})",
    )


def _read_ts(tree: Tree, path: str) -> tuple[Sequence[np.ndarray], list[str]]:
    from aeon.datasets import load_from_ts_file

    with tempfile.NamedTemporaryFile(suffix=".ts") as copy, tree.open(path) as file:  # aeon reads from a path
        shutil.copyfileobj(file, copy)
        copy.flush()
        values, labels = load_from_ts_file(copy.name)
    return values, [str(label).strip() for label in labels]


def _read_tsv(tree: Tree, path: str, padded: bool) -> tuple[Sequence[np.ndarray], list[str]]:
    values, labels = [], []
    for line in read(tree, path).decode("ascii").splitlines():
        if not line.strip():
            continue
        label, *fields = line.split("\t")
        one = np.array(fields, dtype=np.float64)
        if padded:
            known = np.flatnonzero(np.isfinite(one))
            one = one[: known[-1] + 1] if len(known) else one
        values.append(one[None])
        labels.append(label.strip())
    if not padded and len(lengths := {one.shape[-1] for one in values}) > 1:
        raise ValueError(f"series of {min(lengths)} to {max(lengths)} values, where all must be of one length")
    return values, labels
