"""Reading predictions: of one dataset at a time, only the columns and row groups that are needed.

The file of a large study holds the predictions of thousands of runs.  `dynconv collect` writes one run after the other,
so that the row groups of a dataset are few and their statistics name it; a file in another order is read too, only
slower.  What comes back holds each run's answers in a form from which every metric can be recomputed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv.errors import DynconvError, valid

Run = tuple[str, int]
KEYS = ("dataset", "variant", "seed", "example_id")
_BATCH = 1 << 18  # numbers of a batch, about


@dataclass(frozen=True)
class Labels:
    """Classification: which runs had which test examples right.

    `runs` [R] are (variant, seed) and `examples` [N] ids, both sorted.  `present` [N, R] says which run predicted which
    example; `correct` [N, R] is 1.0 or 0.0 (0 where absent); `target` [N] is the class.
    """

    dataset: str
    runs: list[Run]
    examples: np.ndarray
    present: np.ndarray
    target: np.ndarray
    correct: np.ndarray


@dataclass(frozen=True)
class Confusions:
    """Segmentation: what each image adds to the sums that the metrics are made of.

    As `Labels`, with pixel counts (float64, exact below 2^53; 0 where absent): `hits` [N, R, C] of correct pixels a
    class, `union` [N, R, C] of pixels that are of the class or predicted as it, `pixels` [N] in all.  They are all that
    mIoU needs of the confusion matrices, at 2 C numbers an image instead of C^2.
    """

    dataset: str
    runs: list[Run]
    examples: np.ndarray
    present: np.ndarray
    hits: np.ndarray
    union: np.ndarray
    pixels: np.ndarray


class PredictionFile:
    """A Parquet file with the columns of the table `predictions`; more columns do not matter.

    Raises:
        DynconvError: the file is absent or unreadable, or lacks a column.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = str(path)
        if not Path(path).is_file():
            raise DynconvError(f"{path}: no such file (table 'predictions')")
        try:
            self._file = pq.ParquetFile(path, read_dictionary=["dataset", "variant"])
        except (pa.ArrowException, OSError) as error:
            raise DynconvError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
        schema = self._file.schema_arrow
        columns = schema.names
        self._content = [name for name in ("target", "prediction", "confusion") if name in columns]
        for name in KEYS:
            if name not in columns:
                raise DynconvError(f"{path}: column {name!r} is missing; {valid(columns)}")
        if "confusion" not in columns and not {"target", "prediction"} <= set(columns):
            raise DynconvError(f"{path}: neither target and prediction nor confusion is there; {valid(columns)}")
        for name in ("dataset", "variant"):
            if not pa.types.is_dictionary(schema.field(name).type):  # as which text is read
                raise DynconvError(f"{path}: column {name!r} is {schema.field(name).type}; valid: text")
        for name in ("seed", "example_id", *(c for c in ("target", "prediction") if c in columns)):
            if not pa.types.is_integer(schema.field(name).type):
                raise DynconvError(f"{path}: column {name!r} is {schema.field(name).type}; valid: integers")
        self._groups = self._ranges()

    def load(self, dataset: str) -> Labels | Confusions | None:
        """The predictions of all runs on `dataset`; None where there are none.

        Raises:
            DynconvError: a run predicts an example twice, two runs disagree on an example's target, a value is missing,
                or confusion matrices are not square or of different sizes.  The message names run and example.
        """
        parts: dict[Run, list[tuple[np.ndarray, ...]]] = {}
        segmentation = None
        for batch in self._batches(dataset):
            if segmentation is None:
                segmentation = "confusion" in self._content and batch.column("confusion").null_count < len(batch)
            content = self._confusions(batch) if segmentation else self._labels(batch)
            names, codes, seeds = _runs(batch)
            order = np.lexsort((seeds, codes))
            codes, seeds = codes[order], seeds[order]
            starts = np.flatnonzero(np.diff(codes, prepend=-1) | np.diff(seeds, prepend=seeds[0]))
            for start, rows in zip(starts, np.split(order, starts[1:]), strict=True):
                run = (names[codes[start]], int(seeds[start]))
                parts.setdefault(run, []).append(tuple(column[rows] for column in content))
        if not parts:
            return None
        table = {
            run: tuple(np.concatenate(column) for column in zip(*parts.pop(run), strict=True)) for run in sorted(parts)
        }
        return self._align(dataset, table, bool(segmentation))

    def _ranges(self) -> list[tuple[str, str] | None]:
        """First and last dataset of each row group, by its statistics; None where it has none."""
        metadata = self._file.metadata
        place = metadata.schema.names.index("dataset")
        found = []
        for group in range(metadata.num_row_groups):
            column = metadata.row_group(group).column(place)
            known = column.is_stats_set and column.statistics.has_min_max
            if column.is_stats_set and column.statistics.null_count:
                raise DynconvError(f"{self.path}: column 'dataset' has nulls; valid: a name in every row")
            found.append((column.statistics.min, column.statistics.max) if known else None)
        return found

    def _batches(self, dataset: str) -> Iterator[pa.RecordBatch]:
        groups = [g for g, ends in enumerate(self._groups) if ends is None or ends[0] <= dataset <= ends[1]]
        if not groups:
            return
        columns = [*KEYS, *self._content]
        width = 1
        if "confusion" in self._content:  # a look at the first row: how many numbers one has
            first = next(self._file.iter_batches(1, row_groups=groups, columns=["confusion"]), None)
            width += 0 if first is None else pc.sum(pc.list_value_length(first.column(0))).as_py() or 0
        for batch in self._file.iter_batches(max(1, _BATCH // width), row_groups=groups, columns=columns):
            batch = batch.filter(pc.equal(batch.column("dataset").cast(pa.string()), dataset))
            if len(batch):
                for name in KEYS[1:]:
                    self._complete(batch.column(name), name, dataset)
                yield batch

    def _complete(self, column: pa.Array, name: str, dataset: str) -> None:
        if column.null_count:
            raise DynconvError(
                f"{self.path}: dataset {dataset!r}: column {name!r} has nulls; valid: a value in each row"
            )

    def _labels(self, batch: pa.RecordBatch) -> tuple[np.ndarray, ...]:
        dataset = batch.column("dataset")[0].as_py()
        for name in ("target", "prediction"):
            self._complete(batch.column(name), name, dataset)
        target, prediction = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("target", "prediction"))
        return batch.column("example_id").to_numpy(), target, (target == prediction).astype(float)

    def _confusions(self, batch: pa.RecordBatch) -> tuple[np.ndarray, ...]:
        dataset, lists = batch.column("dataset")[0].as_py(), batch.column("confusion")
        self._complete(lists, "confusion", dataset)
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
        classes = isqrt(int(lengths[0]))
        if not classes or classes**2 != lengths[0] or (lengths != lengths[0]).any():
            raise DynconvError(
                f"{self.path}: dataset {dataset!r}: column 'confusion' has lists of {sorted(set(lengths.tolist()))[:3]}"
                " counts; valid: lists of classes * classes counts, equally long on a dataset"
            )
        matrix = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, classes, classes)
        hits, target = matrix.diagonal(axis1=1, axis2=2), matrix.sum(axis=2)
        union = target + matrix.sum(axis=1) - hits
        return batch.column("example_id").to_numpy(), target, hits.astype(float), union.astype(float)

    def _align(self, dataset: str, table: dict[Run, tuple[np.ndarray, ...]], segmentation: bool) -> Labels | Confusions:
        """One axis of examples for all runs; each part of `table` is (example ids, target, answers ...)."""
        examples = np.unique(np.concatenate([part[0] for part in table.values()]))
        first = next(iter(table.values()))
        if wrong := [run for run, part in table.items() if part[1].shape[1:] != first[1].shape[1:]]:
            raise DynconvError(
                f"{self.path}: dataset {dataset!r}: {_name(wrong[0])} has another number of classes than"
                f" {_name(next(iter(table)))}; valid: the same classes in every run"
            )
        present = np.zeros((len(examples), len(table)), bool)
        target = np.full((len(examples), *first[1].shape[1:]), -1, np.int64)
        answers = [np.zeros((len(examples), len(table), *column.shape[1:])) for column in first[2:]]
        for r, (run, part) in enumerate(table.items()):
            place = np.searchsorted(examples, part[0])
            if len(np.unique(place)) < len(place):
                twice = examples[np.bincount(place).argmax()]
                raise DynconvError(
                    f"{self.path}: dataset {dataset!r}, {_name(run)}: example {twice} stands more than once;"
                    " valid: one row a run and example"
                )
            known = present[place, :r].any(axis=1)
            differs = (target[place] != part[1]).reshape(len(place), -1).any(axis=1) & known
            if differs.any():
                example = part[0][differs][0]
                raise DynconvError(
                    f"{self.path}: dataset {dataset!r}, {_name(run)}: example {example} has another target than in an"
                    " earlier run; valid: the same test split for all runs"
                )
            target[place] = part[1]
            present[place, r] = True
            for whole, column in zip(answers, part[2:], strict=True):
                whole[place, r] = column
        if segmentation:
            pixels = target.sum(axis=1).astype(float)
            return Confusions(dataset, list(table), examples, present, answers[0], answers[1], pixels)
        return Labels(dataset, list(table), examples, present, target, answers[0])


def _runs(batch: pa.RecordBatch) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Of a batch's rows, the variants' names, each row's place in them, and each row's seed."""
    variant = batch.column("variant")
    return variant.dictionary.to_pylist(), variant.indices.to_numpy(), batch.column("seed").to_numpy()


def _name(run: Run) -> str:
    return f"variant {run[0]!r}, seed {run[1]}"
