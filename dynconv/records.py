"""Reading and writing the tables of `dynconv/tables.py`: checked before they are written, and written atomically."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv import schema_history
from dynconv.errors import DynconvError, valid
from dynconv.files import atomic
from dynconv.tables import TABLES, Table

# Bytes of a table up to which zstd saves nothing, but makes the file take three times as long to read: a decoder is set
# up for every column.  A study has tens of thousands of such files.
_SMALL = 1 << 16

__all__ = ["TABLES", "metadata", "read", "to_table", "write"]


def to_table(name: str, rows: Any, source: str = "") -> pa.Table:
    """Check `rows` (Arrow table, pandas frame, dict of columns or iterable of dicts) against the schema of `name`.

    Absent nullable columns become null.

    Raises:
        DynconvError: unknown table, unknown or missing column, wrong type, null or repeated key; names `source`.
    """
    if name not in TABLES:
        raise DynconvError(f"unknown table {name!r}; {valid(TABLES)}")
    table, where = TABLES[name], source or name
    data = _arrow(rows, table, where)
    known = [column.name for column in table.columns]
    if unknown := sorted(set(data.column_names) - set(known)):
        raise DynconvError(f"{where}: unknown column {unknown[0]!r} in table {name!r}; {valid(known)}")
    arrays = []
    for column in table.columns:
        if column.name not in data.column_names:
            if column.key:
                raise DynconvError(f"{where}: column {column.name!r} of table {name!r} is missing ({column.doc})")
            arrays.append(pa.nulls(len(data), column.type))
            continue
        try:
            values = data.column(column.name).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            got = data.column(column.name).type
            raise DynconvError(f"{where}: column {column.name!r} is {got}, must be {column.type}: {error}") from None
        if column.key and values.null_count:
            count = values.null_count
            raise DynconvError(f"{where}: column {column.name!r} of table {name!r} has {count} nulls; none allowed")
        arrays.append(values)
    result = pa.table(arrays, schema=table.schema)
    _unique(result, table, where)
    return result


def write(name: str, rows: Any, path: str | os.PathLike) -> pa.Table:
    """Check `rows` and write them to `path` atomically (Parquet); return the table."""
    table = to_table(name, rows, str(path))
    with atomic(path) as scratch:
        pq.write_table(table, scratch, compression="zstd" if table.nbytes > _SMALL else "snappy")
    return table


def read(name: str, path: str | os.PathLike) -> pa.Table:
    """Read and check a file of table `name`, of this schema version or an older one.

    Raises:
        DynconvError: the file is absent, unreadable, another table's or of a newer schema version; names it.
    """
    if not Path(path).is_file():
        raise DynconvError(f"{path}: no such file (table {name!r})")
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
    return to_table(name, schema_history.current(name, table, str(path)), str(path))


def metadata(path: str | os.PathLike) -> pq.FileMetaData:
    """The footer of a table's file, without its rows; DynconvError names the file if it is unreadable."""
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{path}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None


def _arrow(rows: Any, table: Table, where: str) -> pa.Table:
    try:
        if isinstance(rows, pa.Table):
            return rows
        if hasattr(rows, "to_parquet"):  # a pandas frame
            return pa.Table.from_pandas(rows, preserve_index=False)
        if isinstance(rows, Mapping):
            return pa.table(dict(rows))
        rows = list(rows)
        if not rows:
            return table.schema.empty_table()
        names = list(dict.fromkeys(key for row in rows for key in row))
        types = {column.name: column.type for column in table.columns}
        return pa.table({key: pa.array([row.get(key) for row in rows], types.get(key)) for key in names})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DynconvError(f"{where}: the rows do not fit table {table.name!r}: {error}") from None


def _unique(data: pa.Table, table: Table, where: str) -> None:
    keys = table.keys
    counts = data.select(keys).group_by(keys).aggregate([([], "count_all")])
    twice = counts.filter(pc.field("count_all") > 1)
    if len(twice):
        first = {key: twice.column(key)[0].as_py() for key in keys}
        raise DynconvError(f"{where}: {len(twice)} keys stand more than once in table {table.name!r}, first {first}")
