"""The union of all runs, and of a search's trials: tidy tables out of many small files."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dynconv import choice, data, records, trials
from dynconv.errors import DynconvError
from dynconv.files import atomic
from dynconv.study import RunKey, Study

_GROUP_BYTES = 32 << 20  # of rows in memory that become one row group of a table's file


def collect(
    runs: Path,
    out: Path,
    profiles: Path | None = None,
    failures: Path | None = None,
    study: Study | None = None,
    tuning: Path | None = None,
) -> dict[str, int]:
    """Write `out/{runs,metrics,predictions,diagnostics,masks,profile}.parquet`; return the number of rows of each.

    With `tuning`, the folder of the study's search, `out/{trials,choices}.parquet`, too.

    With a `study`, only its runs are taken: what an earlier study left in the folder stays out.  A run without files
    that left a failure record becomes a failed row.

    Raises:
        DynconvError: a file is unreadable, breaks the schema, or names another run than its folder does.
    """
    if not runs.is_dir():
        raise DynconvError(f"{runs}: no such folder of runs")
    wanted = set(study.runs()) if study else None
    folders = {key: folder for key, folder in found(runs) if wanted is None or key in wanted}
    order = [key for key in study.runs() if key in folders] if study else sorted(folders)
    lost = failed_rows(failures, wanted, set(folders)) if failures else []
    if not order and not lost:
        raise DynconvError(f"{runs}: no run here" + (f" belongs to study {study.name}" if study else ""))
    pairs = {(key.dataset, key.variant) for key in wanted} if wanted else None
    parts: dict[str, Iterable[pa.Table]] = {
        "runs": chain((checked("runs", folders[key] / "run.parquet", key) for key in order), lost),
        "metrics": (checked("metrics", folders[key] / "metrics.parquet", key) for key in order),
        "predictions": (checked("predictions", folders[key] / "predictions.parquet", key) for key in order),
        "diagnostics": (checked("diagnostics", file, key) for key, file in _there("diagnostics", order, folders)),
        "masks": (checked("masks", file, key) for key, file in _there("masks", order, folders)),
        "profile": profile_tables(profiles, pairs) if profiles else [],
    }
    if tuning:
        parts |= search(tuning, study)
    with ExitStack() as stack:  # all of them take their places at the end, or none does
        scratch = {name: stack.enter_context(atomic(out / f"{name}.parquet")) for name in parts}
        return {name: _union(name, tables, scratch[name]) for name, tables in parts.items()}


def found(runs: Path) -> Iterator[tuple[RunKey, Path]]:
    """The runs below a folder, each with its own; DynconvError where a run lies elsewhere than its name would say."""
    for file in sorted(runs.rglob("run.parquet")):
        *dataset, variant, seed = file.parent.relative_to(runs).parts or ("",)
        number = re.fullmatch(r"seed(\d+)", seed)
        if not dataset or not number:
            raise DynconvError(f"{file}: not where a run lives; valid: <runs>/<dataset>/<variant>/seed<k>/run.parquet")
        yield RunKey("/".join(dataset), variant, int(number[1])), file.parent


def _there(name: str, order: list[RunKey], folders: dict[RunKey, Path]) -> Iterator[tuple[RunKey, Path]]:
    """The runs that have a table which not all have: no diagnostics are needed of a rule's own, few have masks."""
    files = ((key, folders[key] / f"{name}.parquet") for key in order)
    return ((key, file) for key, file in files if file.is_file())


def checked(name: str, file: Path, key: RunKey) -> pa.Table:
    """A run's file of table `name`; DynconvError where it is not that of `key`."""
    table = records.read(name, file)
    if name == "runs" and len(table) != 1:
        raise DynconvError(f"{file}: {len(table)} rows; a run is exactly one")
    for column, value in key._asdict().items():
        other = [found for found in table.column(column).unique().to_pylist() if found != value]
        if other:
            raise DynconvError(f"{file}: {column} is {other[0]!r}, but the folder is that of {value!r}")
    return table


def _union(name: str, tables: Iterable[pa.Table], path: Path) -> int:
    """Stream the tables into one file: predictions of thousands of runs need not fit into memory."""
    count = 0
    with pq.ParquetWriter(path, records.TABLES[name].schema, compression="zstd") as writer:
        # A run's predictions stay a row group of their own, which `dynconv clean` can take out.
        for table in tables if name == "predictions" else _grouped(tables):
            writer.write_table(table)
            count += len(table)
    return count


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in few tables: a row group a run makes the tables of thousands of runs large and slow to read."""
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if size >= _GROUP_BYTES:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held:
        yield pa.concat_tables(held)


def profile_tables(folder: Path, pairs: set[tuple[str, str]] | None) -> Iterator[pa.Table]:
    """The profiles below a folder; with `pairs`, those of these datasets and variants."""
    for file in sorted(folder.rglob("*.parquet")):
        table = records.read("profile", file)
        names = zip(table.column("dataset").to_pylist(), table.column("variant").to_pylist(), strict=True)
        if pairs is None or all(name in pairs for name in names):
            yield table


def search(
    folder: Path, study: Study | None, cells: Iterable[tuple[str, str]] | None = None
) -> dict[str, list[pa.Table]]:
    """The trials of every dataset and variant that the study tunes, and what they chose: what the runs have taken.

    `cells`: of these datasets and variants only.
    """
    if study is None or study.tune is None:
        raise DynconvError("--tuning: which trials belong together is for the study to say; valid: a --study with tune")
    rows: list[dict[str, Any]] = []
    chosen: list[dict[str, Any]] = []
    for dataset, variant in trials.cells(study) if cells is None else cells:
        own, best = searched(folder, study, dataset, variant)
        rows += own
        chosen.append(best)
    source = str(folder)
    return {
        "trials": [records.to_table("trials", rows, source)],
        "choices": [records.to_table("choices", chosen, source)],
    }


def searched(folder: Path, study: Study, dataset: str, variant: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of the trials of one dataset and variant, and that of the choice which the runs have taken.

    Raises:
        DynconvError: a trial or the choice is missing, unreadable or of another study, or the trials choose another.
    """
    task = data.spec(dataset).task
    cell = folder / dataset / variant
    own = choice.rows_of(study, dataset, task, variant, cell)
    best = choice.pick(own, study.analysis.metric[task])
    taken = choice.read(cell / choice.NAME, study, dataset, variant)
    if taken != json.loads(best["settings"]):
        raise DynconvError(
            f"{cell / choice.NAME}: says {json.dumps(taken)}, but the trials choose {best['settings']};"
            " delete it and run the workflow again"
        )
    return own, best


def failed_rows(folder: Path, wanted: set[RunKey] | None, done: set[RunKey]) -> list[pa.Table]:
    """A failed row for each failure record below a folder of a run that is not `done`."""
    tables = []
    for file in sorted(folder.rglob("seed*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            row = content["row"] | {"status": "failed", "failure": content["failure"]}
            key = RunKey(row["dataset"], row["variant"], row["seed"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DynconvError(f"{file}: not a failure record: {type(error).__name__}: {error}") from None
        if key not in done and (wanted is None or key in wanted):
            tables.append(records.to_table("runs", [row], str(file)))
    return tables
