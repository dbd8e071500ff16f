"""Merging: the union of all runs of several folders, checked, as a results folder of its own."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dynconv import records
from dynconv.errors import DynconvError, valid
from dynconv.files import atomic, write_text
from dynconv.merge import clashes, differences
from dynconv.merge.folder import LONG, SEARCH, STUDY, Folder, read
from dynconv.study import RunKey, Study, load

SHORT = ("profile", *SEARCH)


@dataclass(frozen=True)
class Merged:
    """What was written: the rows of each table by file, and what is to be said of them."""

    rows: dict[Path, int]
    study: Path | None
    notes: list[str]
    warnings: list[str]


def merge(paths: Sequence[Path], out: Path, study: Path | None = None, prefer: Path | None = None) -> Merged:
    """Write the union of all runs to `out/tables/`, and the study to `out/study.yaml` if it is the same for all.

    Args:
        paths: results folders, or folders of runs.
        out: the results folder to write; none of `paths`, and no workflow's own.
        study: take its runs only; None: of each folder those of its own study.
        prefer: the one of `paths` whose runs count where runs clash.

    Raises:
        DynconvError: runs clash (see `clashes.choose`), a folder has no runs or stands twice, a file is unreadable,
            or `out` must not be written to.
    """
    _check(paths, out, prefer)
    asked = load(study) if study else None
    folders = [read(path, asked) for path in paths]
    favourite = next((folder for folder in folders if prefer and folder.path.resolve() == prefer.resolve()), None)
    taken, notes = clashes.choose(folders, favourite)
    source, said = _study(folders, study)
    order = _order(taken, next((f.study for f in folders if source and f.study), None))
    first = sorted(folders, key=lambda folder: folder is not favourite)  # whose row of several counts
    short = {name: _by_key(name, first, notes) for name in SHORT}
    parts: dict[str, Iterable[pa.Table]] = {
        "runs": [records.to_table("runs", [taken[run_id].rows[run_id] for run_id in order], str(out))],
        **{name: _long(name, folders, taken) for name in LONG},
        **{name: [table] for name, table in short.items() if name not in SEARCH or len(table)},
    }
    rows: dict[Path, int] = {}
    with ExitStack() as stack:  # all of them take their places at the end, or none does
        for name, tables in parts.items():
            file = out / "tables" / f"{name}.parquet"
            rows[file] = _written(name, tables, stack.enter_context(atomic(file)))
    for name in SEARCH:  # an earlier merge's
        if name not in parts:
            (out / "tables" / f"{name}.parquet").unlink(missing_ok=True)
    if source:
        write_text(out / STUDY, source.read_text(encoding="utf-8"))
    else:
        (out / STUDY).unlink(missing_ok=True)
    by_folder = {f.name: [f.rows[run_id] for run_id in order if taken[run_id] is f] for f in folders}
    notes = [*(note for folder in folders for note in folder.notes), *notes, *said]
    return Merged(rows, out / STUDY if source else None, notes, differences.warnings(by_folder))


def _check(paths: Sequence[Path], out: Path, prefer: Path | None) -> None:
    there = [path.resolve() for path in paths]
    if twice := [str(path) for path, real in zip(paths, there, strict=True) if there.count(real) > 1]:
        raise DynconvError(f"{twice[0]} stands more than once among the folders; valid: each once")
    if prefer and prefer.resolve() not in there:
        raise DynconvError(f"--prefer {prefer}: is none of the folders; {valid(paths)}")
    inside = [str(path) for path, real in zip(paths, there, strict=True) if out.resolve() in (real, real / "tables")]
    if inside or (out / "runs").is_dir():
        what = f"is {inside[0]}, which is merged" if inside else "has runs of its own (runs/)"
        raise DynconvError(f"--out {out}: {what}; valid: a new folder, or one that an earlier merge wrote")


def _study(folders: Sequence[Folder], asked: Path | None) -> tuple[Path | None, list[str]]:
    """The file of the study that all runs belong to, if there is one, and what is to be said where there is none."""
    if asked:
        return asked, []
    hashes = {folder.study.study_hash if folder.study else None for folder in folders}
    if len(hashes) == 1 and None not in hashes:
        return folders[0].path / STUDY, []
    held = "; ".join(
        f"{f.name}: {f'{f.study.name} ({f.study.study_hash})' if f.study else f'no {STUDY}'}" for f in folders
    )
    return None, [f"no {STUDY} is written, since the folders do not hold the same one ({held}); --study F gives one"]


def _order(run_ids: Iterable[str], study: Study | None) -> list[str]:
    """The study's order, or that of datasets, variants and seeds."""
    found = set(run_ids)
    declared = [key.run_id for key in study.runs() if key.run_id in found] if study else []
    return declared + sorted(found - set(declared), key=_key)


def _key(run_id: str) -> RunKey:
    dataset, variant, seed = run_id.rsplit("/", 2)
    return RunKey(dataset, variant, int(seed.removeprefix("seed")))


def _long(name: str, folders: Sequence[Folder], taken: dict[str, Folder]) -> Iterator[pa.Table]:
    for folder in folders:
        yield from folder.long(name, {run_id for run_id, of in taken.items() if of is folder})


def _by_key(name: str, folders: Sequence[Folder], notes: list[str]) -> pa.Table:
    """One row a key: where several folders have it, the first one's; `notes` is told of those that differ."""
    keys = [key for key in records.TABLES[name].keys if key != "status"]
    found: dict[tuple[Any, ...], tuple[Folder, dict[str, Any]]] = {}
    other: dict[str, int] = {}
    for folder in folders:
        for row in folder.short(name).to_pylist():
            of, kept = found.setdefault(tuple(row[key] for key in keys), (folder, row))
            if of is not folder and not clashes.equal(kept, row):
                pair = f"{folder.name} ({_where(row)}) as in {of.name} ({_where(kept)})"
                other[pair] = other.get(pair, 0) + 1
    for pair, count in other.items():
        notes.append(f"{name}: {count} rows are not the same in {pair}; those of the latter count")
    return records.to_table(name, [row for _, row in found.values()], name)


def _where(row: dict[str, Any]) -> str:
    return str(row.get("device") or "device not recorded") if "device" in row else "other numbers"


def _written(name: str, tables: Iterable[pa.Table], path: Path) -> int:
    count = 0
    with pq.ParquetWriter(path, records.TABLES[name].schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            count += len(table)
    return count
