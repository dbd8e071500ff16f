"""The tables of the runs that are finished, read while others of them come, go and are made again.

A run's files are each whole or absent, but Snakemake deletes them before it makes the run again: what vanishes, or is
replaced, while it is read does not count as finished.  A run whose files are still those that an earlier snapshot has
read is taken from its tables: parsing thousands of small files takes minutes.  The tables are the same either way.
"""

import os
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
from dynconv.snapshot import earlier
from dynconv.snapshot.earlier import Earlier, Signature, Unusable
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
    before: Path | None = None,
) -> Gathered:
    """Write `out/{runs,metrics,predictions,diagnostics,masks}.parquet` of the runs of `keys` that are finished.

    Args:
        folder: of all runs.
        keys: the study's runs, in its order.
        hashes: of each (dataset, variant), the `run_hash` of runs that need not be made again.
        more: called when everything else is written: gives rows of `runs` of which there are no files.
        out: folder of the tables.
        before: that of an earlier snapshot's; one that is damaged, or of another version, is not used.
    """
    try:
        with Earlier(before, [*TABLES]) as known:
            return _gather(folder, keys, hashes, more, out, known)
    except Unusable:
        with Earlier(None, [*TABLES]) as known:
            return _gather(folder, keys, hashes, more, out, known)


def _gather(
    folder: Path,
    keys: Sequence[RunKey],
    hashes: dict[tuple[str, str], set[str | None]],
    more: Callable[[Gathered], Iterable[pa.Table]],
    out: Path,
    known: Earlier,
) -> Gathered:
    found, rows = Gathered(), list[pa.Table]()
    noted: dict[str, tuple[Signature, dict[str, int]]] = {}
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                pq.ParquetWriter(
                    out / f"{name}.parquet",
                    records.TABLES[name].schema,
                    compression="zstd",
                    write_page_checksum=True,  # the next snapshot relies on them
                )
            )
            for name in TABLES
        }
        pool = stack.enter_context(ThreadPoolExecutor(_READERS))
        for _, of_dataset in groupby(keys, key=lambda key: key.dataset):
            cell = list(of_dataset)
            for start in range(0, len(cell), _AT_ONCE):
                part = cell[start : start + _AT_ONCE]
                read = pool.map(lambda key: _look(folder, key, known), part)
                parts: dict[str, list[pa.Table]] = {}
                for key, files, tables in _tables(list(zip(part, read, strict=True)), hashes, known, found):
                    noted[key.run_id] = files, {name: len(table) for name, table in tables.items()}
                    for name, table in tables.items():
                        parts.setdefault(name, []).append(table)
                rows += parts.pop("runs", [])  # small: one row group for all of them
                for name, of_part in parts.items():  # in one chunk: how they were cut before must not show in the file
                    writers[name].write_table(pa.concat_tables(of_part).combine_chunks())
        writers["runs"].write_table(
            pa.concat_tables([*rows, *more(found), records.TABLES["runs"].schema.empty_table()]).combine_chunks()
        )
    earlier.write(out, noted, [*TABLES])
    return found


class _Changed(Exception):
    pass


@dataclass(frozen=True)
class _Run:
    """The files of one run, all of the same training; `tables` is None where an earlier snapshot has read them."""

    files: Signature
    tables: dict[str, pa.Table] | None


def _look(folder: Path, key: RunKey, known: Earlier) -> _Run | Exception | None:
    """What there is of one run; None where there is none."""
    files = {name: folder / key.run_id / f"{file}.parquet" for name, file in TABLES.items()}
    try:
        seen = earlier.signature([*files.values()])
    except OSError as error:
        return error
    if seen[0] is None:
        return None
    if (key.run_id, seen) in known:
        return _Run(seen, None)
    content = _content(files)
    if isinstance(content, Exception):
        return content
    try:
        tables = {name: _parse(name, data, str(files[name].with_suffix(""))) for name, (_, data) in content.items()}
    except DynconvError as error:
        return error
    return _Run(tuple(content[name][0] if name in content else None for name in TABLES), tables)


def _content(files: dict[str, Path]) -> dict[str, tuple[tuple[int, int, int], bytes]] | Exception:
    """Each file with what tells it from a later one."""
    mark = files["runs"]
    try:
        before = earlier.of(mark.stat())
        content = {name: _read(path) for name, path in files.items() if name not in _OPTIONAL or path.is_file()}
        after = earlier.of(mark.stat())
    except PermissionError as error:
        return error
    except OSError:  # gone; over a network also a stale handle
        return _Changed()
    return content if before == content["runs"][0] == after else _Changed()


def _read(file: Path) -> tuple[tuple[int, int, int], bytes]:
    with file.open("rb") as opened:
        return earlier.of(os.fstat(opened.fileno())), opened.read()


def _tables(
    part: list[tuple[RunKey, _Run | Exception | None]],
    hashes: dict[tuple[str, str], set[str | None]],
    known: Earlier,
    found: Gathered,
) -> Iterator[tuple[RunKey, Signature, dict[str, pa.Table]]]:
    """The checked tables of some runs, in their order; notes in `found` what became of them."""
    files: dict[RunKey, Signature] = {}
    parsed: list[tuple[RunKey, dict[str, pa.Table]]] = []
    for key, run in part:
        if isinstance(run, _Changed):
            found.changed.append(key.run_id)
        elif isinstance(run, Exception):
            found.damaged[key.run_id] = str(run)
        elif run is not None:
            files[key] = run.files
            if run.tables is not None:
                parsed.append((key, run.tables))
    good = known.read(files.keys() - dict(parsed).keys())
    try:
        good |= _checked(parsed)
    except DynconvError:  # of which of them?
        for one in parsed:
            try:
                good |= _checked([one])
            except DynconvError as error:
                found.damaged[one[0].run_id] = str(error)
    for key in (key for key in files if key in good):
        row = good[key]["runs"]
        if row.column("run_hash")[0].as_py() not in hashes[key.dataset, key.variant]:
            found.outdated.append(key.run_id)
            continue
        found.status[key.run_id] = row.column("status")[0].as_py()
        yield key, files[key], good[key]


def _parse(name: str, content: bytes, where: str) -> pa.Table:
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{where}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
    return schema_history.current(name, table, where)


def _checked(runs: list[tuple[RunKey, dict[str, pa.Table]]]) -> dict[RunKey, dict[str, pa.Table]]:
    """The same, each table with its schema; many together take little longer than one.

    Raises:
        DynconvError: a table breaks its schema, or is of another run than its folder.
    """
    result: dict[RunKey, dict[str, pa.Table]] = {key: {} for key, _ in runs}
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
            own = pa.array([getattr(runs[place][0], column) for place in held])
            expected = own.take(pa.array(np.repeat(np.arange(len(held)), lengths)))
            if len(table) and not pc.all(pc.equal(table.column(column), expected)).as_py():
                raise DynconvError(f"{names}: {name}: column {column!r} is of another run than the folder")
        for place, offset, length in zip(held, np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
            result[runs[place][0]][name] = table.slice(int(offset), length)
    return result
