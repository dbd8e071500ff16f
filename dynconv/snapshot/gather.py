"""The tables of the runs that are finished, read while others of them come, go and are made again.

A run's files are each whole or absent, but Snakemake deletes them before it makes the run again: what vanishes, or is
replaced, while it is read does not count as finished.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv import records, schema_history
from dynconv.errors import DynconvError
from dynconv.study import RunKey

TABLES = {"runs": "run", **{name: name for name in ("metrics", "predictions", "diagnostics", "masks")}}
_OPTIONAL = ("diagnostics", "masks")  # a run of a workflow's own rule need not have the first, few runs have the second
_READERS = 8  # runs that are read at a time: on a network's file system most of the time is waiting
_AT_ONCE = 64  # runs that are held in memory


@dataclass
class Gathered:
    """What became of the study's runs: `status` of each that is in the tables, and why others are not."""

    status: dict[str, str] = field(default_factory=dict)
    outdated: list[str] = field(default_factory=list)  # of an earlier recipe: still to be made again
    changed: list[str] = field(default_factory=list)  # vanished or were replaced while they were read
    damaged: dict[str, str] = field(default_factory=dict)  # run_id: what is wrong with its files


def gather(
    folder: Path,
    keys: Sequence[RunKey],
    hashes: dict[tuple[str, str], set[str | None]],
    more: Callable[[Gathered], Iterable[pa.Table]],
    out: Path,
) -> Gathered:
    """Write `out/{runs,metrics,predictions,diagnostics,masks}.parquet` of the runs of `keys` that are finished.

    Args:
        folder: of all runs.
        keys: the study's runs, in its order.
        hashes: of each (dataset, variant), the `run_hash` of runs that need not be made again.
        more: called when everything else is written: gives rows of `runs` of which there are no files.
        out: folder of the tables.
    """
    found, rows = Gathered(), list[pa.Table]()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                pq.ParquetWriter(out / f"{name}.parquet", records.TABLES[name].schema, compression="zstd")
            )
            for name in TABLES
        }
        pool = stack.enter_context(ThreadPoolExecutor(_READERS))
        for _, of_dataset in groupby(keys, key=lambda key: key.dataset):
            cell = list(of_dataset)
            for start in range(0, len(cell), _AT_ONCE):
                part = cell[start : start + _AT_ONCE]
                read = pool.map(_tables_of, (folder / key.run_id for key in part))
                parts: dict[str, list[pa.Table]] = {}
                for name, table in _tables(list(zip(part, read, strict=True)), hashes, found):
                    parts.setdefault(name, []).append(table)
                rows += parts.pop("runs", [])  # small: one row group for all of them
                for name, tables in parts.items():
                    writers[name].write_table(pa.concat_tables(tables))
        writers["runs"].write_table(
            pa.concat_tables([*rows, *more(found), records.TABLES["runs"].schema.empty_table()])
        )
    return found


class _Changed(Exception):
    pass


def _content(folder: Path) -> dict[str, bytes] | Exception | None:
    """The files of one run by their tables, all of the same training; None where there is no run."""
    mark = folder / "run.parquet"
    try:
        before = mark.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error
    try:
        files = {name: (folder / f"{file}.parquet") for name, file in TABLES.items()}
        content = {name: path.read_bytes() for name, path in files.items() if name not in _OPTIONAL or path.is_file()}
        after = mark.stat()
    except PermissionError as error:
        return error
    except OSError:  # gone; over a network also a stale handle
        return _Changed()
    same = (before.st_ino, before.st_mtime_ns, before.st_size) == (after.st_ino, after.st_mtime_ns, after.st_size)
    return content if same else _Changed()


def _tables_of(folder: Path) -> dict[str, pa.Table] | Exception | None:
    """The same as tables."""
    content = _content(folder)
    if not isinstance(content, dict):
        return content
    try:
        return {name: _parse(name, data, str(folder / TABLES[name])) for name, data in content.items()}
    except DynconvError as error:
        return error


def _tables(
    part: list[tuple[RunKey, dict[str, pa.Table] | Exception | None]],
    hashes: dict[tuple[str, str], set[str | None]],
    found: Gathered,
) -> Iterator[tuple[str, pa.Table]]:
    """The checked tables of some runs, (name, one run's rows) each; notes in `found` what became of them."""
    parsed: list[tuple[RunKey, dict[str, pa.Table]]] = []
    for key, content in part:
        if isinstance(content, _Changed):
            found.changed.append(key.run_id)
        elif isinstance(content, Exception):
            found.damaged[key.run_id] = str(content)
        elif content is not None:
            parsed.append((key, content))
    try:
        good = _checked(parsed)
    except DynconvError:  # of which of them?
        good = []
        for one in parsed:
            try:
                good += _checked([one])
            except DynconvError as error:
                found.damaged[one[0].run_id] = str(error)
    for key, tables in good:
        row = tables["runs"]
        if row.column("run_hash")[0].as_py() not in hashes[key.dataset, key.variant]:
            found.outdated.append(key.run_id)
            continue
        found.status[key.run_id] = row.column("status")[0].as_py()
        yield from tables.items()


def _parse(name: str, content: bytes, where: str) -> pa.Table:
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{where}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
    return schema_history.current(name, table, where)


def _checked(runs: list[tuple[RunKey, dict[str, pa.Table]]]) -> list[tuple[RunKey, dict[str, pa.Table]]]:
    """The same, each table with its schema; many together take little longer than one.

    Raises:
        DynconvError: a table breaks its schema, or is of another run than its folder.
    """
    result: list[tuple[RunKey, dict[str, pa.Table]]] = [(key, {}) for key, _ in runs]
    for name in TABLES:
        held = [place for place, (_, tables) in enumerate(runs) if name in tables]
        if not held:
            continue
        parts = [runs[place][1][name] for place in held]
        names = ", ".join(runs[place][0].run_id for place in held[:3])
        try:
            together = pa.concat_tables(parts, promote_options="default")
        except pa.ArrowException as error:
            raise DynconvError(f"{names}: {name}: {error}") from None
        table = records.to_table(name, together, f"{names}, {name}").combine_chunks()
        lengths = [len(part) for part in parts]
        if name == "runs" and set(lengths) != {1}:
            raise DynconvError(f"{names}: {max(lengths)} rows; a run is exactly one")
        for column in RunKey._fields:
            expected = np.repeat([getattr(runs[place][0], column) for place in held], lengths)
            if len(table) and not pc.all(pc.equal(table.column(column), pa.array(expected))).as_py():
                raise DynconvError(f"{names}: {name}: column {column!r} is of another run than the folder")
        for place, offset, length in zip(held, np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
            result[place][1][name] = table.slice(int(offset), length)
    return result
