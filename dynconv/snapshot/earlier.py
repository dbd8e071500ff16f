"""What an earlier snapshot has read of the runs, so that a later one reads only those that have changed since.

`<snapshot>/tables/gathered.parquet` holds a row a run of the tables beside it, in their order: which files the run had
(inode, time and size of each) and how many rows of each table they gave.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv import records
from dynconv.study import RunKey

FILE = "gathered.parquet"
_PARTS = {"inode": pa.uint64(), "time_ns": pa.int64(), "bytes": pa.int64()}
Signature = tuple[tuple[int, int, int] | None, ...]  # inode, time (ns) and size of each file of a run; None: none


class Unusable(Exception):
    """It is damaged, or of another version: everything is to be read anew."""


def signature(files: Sequence[Path]) -> Signature:
    """What tells whether a run's files are still the same.

    Raises:
        OSError: a file cannot be looked at; that there is none is no error.
    """
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            found.append(of(file.stat()))
        except (FileNotFoundError, NotADirectoryError):
            found.append(None)
    return tuple(found)


def of(status: os.stat_result) -> tuple[int, int, int]:
    """The part of a file's status that changes when the file does."""
    return status.st_ino, status.st_mtime_ns, status.st_size


def write(folder: Path, runs: Mapping[str, tuple[Signature, Mapping[str, int]]], tables: Sequence[str]) -> None:
    """Note what the tables in `folder` are made of: of each run, in their order, its files and its rows of each."""
    columns = {"run_id": pa.array([*runs], pa.string())}
    for place, name in enumerate(tables):
        files = [files[place] for files, _ in runs.values()]
        columns[f"{name}_rows"] = pa.array([rows.get(name, 0) for _, rows in runs.values()], pa.int64())
        for part, what in enumerate(_PARTS):
            columns[f"{name}_{what}"] = pa.array([file and file[part] for file in files], _PARTS[what])
    pq.write_table(pa.table(columns), folder / FILE, compression="zstd", write_page_checksum=True)


@dataclass(frozen=True)
class _Held:
    """One of its tables: `rows[i] : rows[i + 1]` are those of run i, `groups[k] : groups[k + 1]` of row group k."""

    file: pq.ParquetFile
    rows: np.ndarray
    groups: np.ndarray


class Earlier:
    """The tables of an earlier snapshot; none where there is no whole one of this version."""

    def __init__(self, folder: Path | None, tables: Sequence[str]) -> None:
        self._stack = ExitStack()
        self._held: dict[str, _Held] = {}
        self._places: dict[str, int] = {}
        self._signatures: list[Signature] = []
        self._last: dict[str, tuple[list[int], pa.Table]] = {}  # of `runs` all rows are one group: it is read once
        if folder is not None:
            try:
                self._open(folder, tables)
            except (Unusable, OSError, pa.ArrowException, KeyError):
                self._places = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self, folder: Path, tables: Sequence[str]) -> None:
        before = folder.stat()
        content = pa.BufferReader((folder / FILE).read_bytes())
        made = pq.ParquetFile(content, page_checksum_verification=True).read(use_threads=False)
        for name in tables:
            file = self._stack.enter_context(
                pq.ParquetFile(folder / f"{name}.parquet", page_checksum_verification=True)
            )
            schema = records.TABLES[name].schema
            if not file.schema_arrow.equals(schema) or file.schema_arrow.metadata != schema.metadata:
                raise Unusable
            held = _Held(
                file,
                _ends(made.column(f"{name}_rows").to_numpy()),
                _ends([file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]),
            )
            # Of `runs` there are more: those that died without files.
            if held.rows[-1] > held.groups[-1] or (name != "runs" and held.rows[-1] < held.groups[-1]):
                raise Unusable
            self._held[name] = held
        if folder.stat().st_ino != before.st_ino:  # another snapshot has taken its place in between
            raise Unusable
        files = []
        for name in tables:
            parts = zip(*(made.column(f"{name}_{what}").to_pylist() for what in _PARTS), strict=True)
            files.append([None if part[0] is None else part for part in parts])
        self._signatures = [*zip(*files, strict=True)]
        self._places = {run: place for place, run in enumerate(made.column("run_id").to_pylist())}

    def __contains__(self, run: tuple[str, Signature]) -> bool:
        """Has it read this run, with these very files?"""
        place = self._places.get(run[0])
        return place is not None and self._signatures[place] == run[1]

    def read(self, keys: Iterable[RunKey]) -> dict[RunKey, dict[str, pa.Table]]:
        """The tables of some runs that it contains; of those that lie together, in one go.

        Raises:
            Unusable: a table is damaged, or holds other rows than it should.
        """
        found: dict[RunKey, dict[str, pa.Table]] = {key: {} for key in keys}
        if not found:
            return found
        places = np.array([self._places[key.run_id] for key in found], dtype=int)
        for number, (name, held) in enumerate(self._held.items()):
            first, last = held.rows[places], held.rows[places + 1]
            # The row group of a run's first row and that of its last one.
            low = np.searchsorted(held.groups, first, "right") - 1
            high = np.searchsorted(held.groups, last - 1, "right") - 1
            wanted = sorted(
                {k for a, b in zip(low[last > first], high[last > first], strict=True) for k in range(a, b + 1)}
            )
            table = self._rows_of(name, wanted)
            starts = dict(zip(wanted, _ends(np.diff(held.groups)[wanted]), strict=False))
            for key, place, begin, end, group in zip(found, places, first, last, low, strict=True):
                if self._signatures[place][number] is None:
                    continue
                offset = starts[group] + begin - held.groups[group] if end > begin else 0
                rows = table.slice(int(offset), int(end - begin))
                if len(rows) and not pc.all(pc.equal(rows.column("run_id"), key.run_id)).as_py():
                    raise Unusable
                found[key][name] = rows
        return found

    def _rows_of(self, name: str, groups: list[int]) -> pa.Table:
        if self._last.get(name, ([], None))[0] != groups or not groups:
            try:
                table = self._held[name].file.read_row_groups(groups, use_threads=False).combine_chunks()
                # Parquet has its own name for the elements of a list.
                self._last[name] = groups, table.cast(records.TABLES[name].schema)
            except (pa.ArrowException, OSError):
                raise Unusable from None
        return self._last[name][1]


def _ends(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of the parts begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=int))])
