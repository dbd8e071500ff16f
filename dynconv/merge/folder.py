"""One of the folders that are merged: its runs, and where its tables come from.

A results folder with `runs/` is read as the workflow's own `collect` reads it; one that has only tables left is read
from them.  Both are streamed: the predictions of thousands of runs need not fit into memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv import collect, records, schema_history, trials
from dynconv.choice import NAME as CHOICE
from dynconv.errors import DynconvError
from dynconv.study import RunKey, Study
from dynconv.study import load as load_study

STUDY = "study.yaml"
BY_PRODUCTS = ("diagnostics", "masks")  # which a run may be without
LONG = ("metrics", "predictions", *BY_PRODUCTS)  # rows of runs, streamed
SEARCH = ("trials", "choices")
_FOLDERS = {"profile": "profile", "trials": "tuning", "choices": "tuning"}
ROWS = 1 << 18  # of a table that are held at a time


@dataclass
class Folder:
    """What stands in one folder: the rows of table `runs` by run_id, and where each run lies, if `runs/` is there."""

    path: Path
    results: bool  # a results folder, not one of runs alone
    study: Study | None
    own: bool  # the study is the folder's, and not asked for by the caller
    rows: dict[str, dict[str, Any]]
    runs: dict[RunKey, Path] | None
    lost: set[str]  # run_ids of failed rows that no run wrote: its job was lost
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """How messages call it: as it was given."""
        return str(self.path)

    def long(self, name: str, run_ids: set[str]) -> Iterator[pa.Table]:
        """The rows that these runs have in one of the tables `LONG`."""
        if self.runs is None:
            return self._of_table(name, run_ids)
        return self._of_runs(name, run_ids, self.runs)

    def short(self, name: str) -> pa.Table:
        """`profile`, `trials` or `choices`, as far as they are the study's; empty where there is none."""
        file, folder = self.path / "tables" / f"{name}.parquet", self.path / _FOLDERS[name]
        if not self.results:
            parts = []
        elif self.runs is not None and folder.is_dir():
            parts = self._search(name) if name in SEARCH else list(collect.profile_tables(folder, None))
        else:
            parts = [records.read(name, file)] if file.is_file() else []
        table = pa.concat_tables([records.TABLES[name].schema.empty_table(), *parts])
        if self.study is None:
            return table
        pairs = {f"{key.dataset} {key.variant}" for key in self.study.runs()}
        names = zip(table.column("dataset").to_pylist(), table.column("variant").to_pylist(), strict=True)
        return table.filter(pa.array([f"{dataset} {variant}" in pairs for dataset, variant in names], pa.bool_()))

    def _search(self, name: str) -> list[pa.Table]:
        """Of a search that has not come to all its choices, what there is."""
        if self.study is None or self.study.tune is None:
            return []
        tuning = self.path / "tuning"
        cells = [cell for cell in trials.cells(self.study) if tuning.joinpath(*cell, CHOICE).is_file()]
        return collect.search(tuning, self.study, cells)[name]

    def _of_runs(self, name: str, run_ids: set[str], runs: dict[RunKey, Path]) -> Iterator[pa.Table]:
        for key, folder in runs.items():
            file = folder / f"{name}.parquet"
            if key.run_id in run_ids and (name not in BY_PRODUCTS or file.is_file()):
                yield collect.checked(name, file, key)

    def _of_table(self, name: str, run_ids: set[str]) -> Iterator[pa.Table]:
        file = self.path / "tables" / f"{name}.parquet"
        if not file.is_file():
            if name not in BY_PRODUCTS:
                self.notes.append(f"{file}: no such file: the runs of {self.name} have no {name}")
            return
        wanted, strange = pa.array(sorted(run_ids), pa.string()), 0
        known = pa.array(sorted(self.rows), pa.string())
        try:
            with pq.ParquetFile(file) as source:
                for group in range(source.num_row_groups):
                    for batch in source.iter_batches(ROWS, row_groups=[group]):
                        table = schema_history.current(name, pa.Table.from_batches([batch]), str(file))
                        table = records.to_table(name, table, str(file))
                        strange += len(table) - pc.sum(pc.is_in(table.column("run_id"), known)).as_py()
                        if len(kept := table.filter(pc.is_in(table.column("run_id"), wanted))):
                            yield kept
        except (pa.ArrowException, OSError) as error:
            raise DynconvError(f"{file}: not a readable Parquet file: {' '.join(str(error).split())[:200]}") from None
        if strange:
            self.notes.append(f"{file}: {strange} rows are of no run of tables/runs.parquet and are left out")


def is_results(path: Path) -> bool:
    """Whether a folder is a results folder: it has tables, or a folder `runs` that is no dataset of that name."""
    runs = path / "runs"
    return (path / "tables/runs.parquet").is_file() or (runs.is_dir() and not any(runs.glob("*/seed*/run.parquet")))


def read(path: Path, study: Study | None) -> Folder:
    """What stands in a folder: a results folder, or a folder of runs.

    Args:
        path: the folder.
        study: take its runs only; None: those of the folder's own study, if it holds one.

    Raises:
        DynconvError: there is no run, or a file is unreadable or not where its name says.
    """
    if not path.is_dir():
        raise DynconvError(f"{path}: no such folder; valid: a results folder, or a folder of runs")
    own, results = path / STUDY, is_results(path)
    of = study or (load_study(own) if own.is_file() else None)
    found = Folder(path, results, of, study is None, {}, None, set())
    runs = path / "runs" if results else path
    there = dict(collect.found(runs)) if runs.is_dir() else {}
    table = path / "tables/runs.parquet"
    wanted = set(found.study.runs()) if found.study else None
    failures = path / "failures" if results else None
    if there or (failures and failures.is_dir() and not table.is_file()):
        _from_runs(found, there, failures, wanted)
        if table.is_file():
            _stale(found, table, {key.run_id for key in there})
    elif table.is_file():
        _from_table(found, table, wanted)
    if not found.rows:
        whose = f" of study {found.study.name}" if found.study else ""
        raise DynconvError(f"{path}: no run{whose} here; valid: a folder with runs/ or tables/runs.parquet, or of runs")
    return found


def _from_runs(found: Folder, there: dict[RunKey, Path], failures: Path | None, wanted: set[RunKey] | None) -> None:
    found.runs = {key: there[key] for key in sorted(there) if wanted is None or key in wanted}
    for key, folder in found.runs.items():
        found.rows[key.run_id] = collect.checked("runs", folder / "run.parquet", key).to_pylist()[0]
    _left_out(found, len(there) - len(found.runs))
    if failures and failures.is_dir():
        for row in _rows(collect.failed_rows(failures, wanted, set(found.runs))):
            found.rows[row["run_id"]] = row
            found.lost.add(row["run_id"])


def _from_table(found: Folder, table: Path, wanted: set[RunKey] | None) -> None:
    rows = records.read("runs", table).to_pylist()
    for row in rows:
        if wanted is None or RunKey(row["dataset"], row["variant"], row["seed"]) in wanted:
            found.rows[row["run_id"]] = row
            if row["status"] == "failed" and row["finished_at"] is None:  # no run wrote it: it came to no end
                found.lost.add(row["run_id"])
    _left_out(found, len(rows) - len(found.rows))


def _stale(found: Folder, table: Path, there: set[str]) -> None:
    only = len(set(records.read("runs", table).column("run_id").to_pylist()) - there - found.lost)
    if only:
        found.notes.append(f"{table}: {only} rows are of runs that runs/ does not have (any more) and are left out")


def _left_out(found: Folder, count: int) -> None:
    if count and found.study:
        whose = "its own study" if found.own else "the study"
        found.notes.append(f"{found.name}: {count} runs are not of {whose}, {found.study.name}, and are left out")


def _rows(tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
    for table in tables:
        yield from table.to_pylist()
