"""The rows of past runs, or of trials, a few columns of them, in seconds where there are thousands.

A study's runs are many small files.  What `results/tables/runs.parquet` holds already is taken from there; only runs
that are newer than that table are read one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dynconv import schema_history
from dynconv.errors import DynconvError
from dynconv.tables import TABLES

_READERS = 8  # files that are read at a time
_AT_ONCE = 256  # files that are held in memory


class Kind(NamedTuple):
    """What the rows are of: their folder and their file in it, their table, and its column that names them."""

    folder: str
    file: str
    table: str
    id: str


RUNS = Kind("runs", "run.parquet", "runs", "run_id")
TRIALS = Kind("tuning", "trial.parquet", "trials", "trial_id")


def files(results: Path, run_ids: Iterable[str] | None = None, kind: Kind = RUNS) -> dict[str, float]:
    """The finished runs below `results/runs`, with the time (s since 1970) when each was written.

    Args:
        results: the study's results folder.
        run_ids: look for these only, in this order; None: all there are, sorted.
        kind: RUNS, or TRIALS for those of a search.
    """
    folder = results / kind.folder
    if run_ids is None:
        run_ids = sorted(str(file.parent.relative_to(folder)) for file in folder.rglob(kind.file))
    elif not folder.is_dir():
        return {}
    found = {}
    for run_id in run_ids:
        try:
            found[run_id] = (folder / run_id / kind.file).stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def of_table(results: Path) -> dict[str, float]:
    """The runs of `results/tables/runs.parquet` with the time of that file, as `files` tells them; none without it.

    Raises:
        DynconvError: it is no readable table of runs.
    """
    table = results / "tables/runs.parquet"
    content = _bytes(table)
    if content is None:
        return {}
    written = table.stat().st_mtime
    return {row["run_id"]: written for row in _columns(table, content, ["run_id"], RUNS)}


def read(
    results: Path, found: dict[str, float], columns: Sequence[str], kind: Kind = RUNS
) -> dict[str, dict[str, Any]]:
    """Some columns of each run in `found` (from `files`), by run_id and in its order; absent columns are None.

    A run whose file has vanished since, because it is made again, is left out.

    Raises:
        DynconvError: a file is no readable run, or names another run than its folder does.
    """
    names = [kind.id, *(name for name in columns if name != kind.id)]
    table = results / "tables" / f"{kind.table}.parquet"
    collected: dict[str, dict[str, Any]] = {}
    written = table.stat().st_mtime if table.is_file() else None
    whole = _bytes(table) if written is not None else None
    if written is not None and whole is not None:
        rows = _columns(table, whole, names, kind)
        collected = {row[kind.id]: row for row in rows if found.get(row[kind.id], written + 1) <= written}
    newer = [run_id for run_id in found if run_id not in collected]
    for run_id, file, content in _contents(results / kind.folder, newer, kind):
        if content is not None:
            collected[run_id] = _one(file, content, run_id, names, kind)
    return {run_id: collected[run_id] for run_id in found if run_id in collected}


def _contents(folder: Path, run_ids: list[str], kind: Kind) -> Iterator[tuple[str, Path, bytes | None]]:
    """The runs' files, several at a time: on a network's file system most of the time is waiting."""
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(run_ids), _AT_ONCE):
            part = run_ids[start : start + _AT_ONCE]
            paths = [folder / run_id / kind.file for run_id in part]
            yield from zip(part, paths, pool.map(_bytes, paths), strict=True)


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DynconvError(f"{file}: cannot be read: {error.strerror or error}") from None


def _one(file: Path, content: bytes, run_id: str, names: list[str], kind: Kind) -> dict[str, Any]:
    rows = _columns(file, content, names, kind)
    if [row[kind.id] for row in rows] != [run_id]:
        held = ", ".join(str(row[kind.id]) for row in rows[:3]) or "no row"
        raise DynconvError(f"{file}: holds {held}; valid in this folder: {run_id}")
    return rows[0]


def _columns(file: Path, content: bytes, names: list[str], kind: Kind) -> list[dict[str, Any]]:
    try:
        source = pq.ParquetFile(pa.BufferReader(content))
        if schema_history.rewritten(kind.table, source.schema_arrow.metadata, str(file)):
            table = schema_history.current(kind.table, source.read(use_threads=False), str(file))
        else:
            held = set(source.schema_arrow.names)
            table = source.read(columns=[name for name in names if name in held], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{file}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
    missing = [name for name in TABLES[kind.table].keys if name in names and name not in table.column_names]
    if missing:
        raise DynconvError(f"{file}: column {missing[0]!r} of table {kind.table!r} is missing")
    return [{name: row.get(name) for name in names} for row in table.to_pylist()]
