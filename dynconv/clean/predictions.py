"""Predictions beyond a study's `keep:`: emptied in place, so that Snakemake has nothing to make again."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dynconv import records
from dynconv.clean.finds import Find
from dynconv.errors import DynconvError
from dynconv.files import atomic
from dynconv.tables import TABLES


def of_run(file: Path) -> Find | None:
    """The rows of a run's table; None if it has none.  An empty table takes their place."""
    size = file.stat().st_size - bytes_of_an_empty_table()
    # Most are empty already, and to know that without opening them is much where there are thousands.
    return Find(file, size, lambda: _empty(file)) if size > 0 and records.metadata(file).num_rows else None


def of_table(file: Path, dropped: frozenset[str]) -> Find | None:
    """The rows of the runs in `dropped` in the collected table; None if it has none of them."""
    metadata = records.metadata(file)
    groups = _groups(metadata, dropped)
    return Find(file, _bytes(metadata, groups), lambda: _thin(file, dropped)) if groups else None


@functools.cache
def bytes_of_an_empty_table() -> int:
    """What is left of a run's predictions."""
    sink = pa.BufferOutputStream()
    _write_empty(sink)
    return sink.getvalue().size


def _bytes(metadata: pq.FileMetaData, groups: list[int]) -> int:
    """Of these row groups, with their parts of the footer."""
    taken = (metadata.row_group(number) for number in groups)
    content = sum(group.column(place).total_compressed_size for group in taken for place in range(group.num_columns))
    return content + metadata.serialized_size * len(groups) // metadata.num_row_groups


def _empty(file: Path) -> int:
    return _replace(file, _write_empty)


def _write_empty(sink: Path | pa.NativeFile) -> None:
    pq.write_table(TABLES["predictions"].schema.empty_table(), sink, compression="zstd")


def _thin(file: Path, dropped: frozenset[str]) -> int:
    def write(scratch: Path) -> None:
        with pq.ParquetFile(file) as source:
            leaving = set(_groups(source.metadata, dropped))
            with pq.ParquetWriter(scratch, source.schema_arrow, compression="zstd") as writer:
                for number in range(source.num_row_groups):  # one at a time: all of them need not fit into memory
                    if number not in leaving:
                        writer.write_table(source.read_row_group(number))

    return _replace(file, write)


def _groups(metadata: pq.FileMetaData, runs: frozenset[str]) -> list[int]:
    """The row groups that hold one of these runs and nothing else, as `dynconv collect` writes them."""
    place = metadata.schema.names.index("run_id")
    found = []
    for number in range(metadata.num_row_groups):
        bounds = metadata.row_group(number).column(place).statistics
        if bounds is not None and bounds.has_min_max and bounds.min == bounds.max and bounds.min in runs:
            found.append(number)
    return found


def _replace(file: Path, write: Callable[[Path], None]) -> int:
    """Write `file` anew under its old time: to Snakemake it is the file that it was.  Returns the bytes it is less."""
    before = file.stat()
    with atomic(file) as scratch:
        write(scratch)
        os.utime(scratch, ns=(before.st_atime_ns, before.st_mtime_ns))
        now = file.stat()
        if (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
            raise DynconvError(f"{file}: was written anew meanwhile and is left as it is")
    return before.st_size - file.stat().st_size
