"""What a study's results folder could do without: checkpoints, predictions, runs that the study no longer names."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dynconv import run_rows
from dynconv.clean import predictions as clean_predictions
from dynconv.clean.finds import Age, Find, Kind, delete, delete_files
from dynconv.study import Study

_TABLES = ("run.parquet", "metrics.parquet", "predictions.parquet", "diagnostics.parquet", "masks.parquet")
_CHECKPOINTS = ("checkpoint.pt", "checkpoint.previous.pt", "checkpoint.memory")
_NAMES = "|".join(re.escape(name) for name in (*_TABLES, *_CHECKPOINTS))
_HALF = re.compile(rf"\.(({_NAMES})\.\w+\.part|probe\.\w+)")  # a file that a kill has kept from its place


@dataclass(frozen=True)
class Folder:
    """The folder of one run, and the time (s since 1970) when each of its files was written."""

    path: Path
    run_id: str
    files: dict[str, float]

    def some(self, names: Iterable[str]) -> list[str]:
        """Those of its files that are among `names`."""
        return [name for name in names if name in self.files]

    def find(self, name: str) -> Find:
        """One of its files, to be deleted."""
        path = self.path / name
        return Find(path, path.stat().st_size, lambda: delete(path))


def kinds(study: Study, live: set[str], age: Age) -> list[Kind]:
    """What is there to remove below `study.results`; nothing of a run in `live`.

    Raises:
        DynconvError: a run's file is damaged.
    """
    results = Path(study.results)
    named = {key.run_id: key for key in study.runs()}
    folders = [folder for folder in _folders(results / "runs") if folder.run_id not in live]
    held = [folder for folder in folders if folder.some(_CHECKPOINTS)]
    rows = run_rows.read(results, run_rows.files(results, [folder.run_id for folder in held]), ["status"])
    status = {run_id: row["status"] for run_id, row in rows.items()}
    over = [folder for folder in held if _is_over(study, folder, folder.run_id in named, status, age)]
    strangers = (_stranger(results, folder, age) for folder in folders if folder.run_id not in named)
    return [
        Kind(
            "checkpoints that no run continues from",
            [folder.find(name) for folder in over for name in folder.some(_CHECKPOINTS)],
        ),
        Kind(
            f"predictions beyond `keep: {{predictions: {study.keep.predictions}}}`",
            _predictions(study, results, [folder for folder in folders if folder.run_id in named]),
        ),
        Kind(
            "what killed runs left half-written",
            [folder.find(name) for folder in folders for name in _halves(folder, age)],
        ),
        Kind("runs that the study does not name", [find for find in strangers if find], "--runs"),
    ]


def _folders(top: Path) -> Iterator[Folder]:
    for path, below, names in os.walk(top):
        below.sort()
        folder = Path(path)
        if re.fullmatch(r"seed\d+", folder.name) and names:
            times = {name: (folder / name).lstat().st_mtime for name in names}
            yield Folder(folder, str(folder.relative_to(top)), times)


def _is_over(study: Study, folder: Folder, named: bool, status: dict[str, str], age: Age) -> bool:
    """Is there no run that may continue from the folder's checkpoint?"""
    newest = max(folder.files[name] for name in folder.some(_CHECKPOINTS))
    # A checkpoint that is newer than the run is that of its next training.
    ended = status.get(folder.run_id) if folder.files.get("run.parquet", 0.0) >= newest else None
    if ended == "ok":
        return True
    failed = ended == "failed" or Path(study.results, "failures", f"{folder.run_id}.json").is_file()
    over = not named or (failed and study.keep.checkpoints == "none")
    return over and age.allows(folder.path, [newest])


def _halves(folder: Folder, age: Age) -> list[str]:
    names = [name for name in folder.files if _HALF.fullmatch(name)]
    return [name for name in names if age.allows(folder.path / name, [folder.files[name]])]


def _stranger(results: Path, folder: Folder, age: Age) -> Find | None:
    own = folder.some(_TABLES)
    finished = folder.files.get("run.parquet") == max(folder.files.values())
    if not own or not (finished or age.allows(folder.path, folder.files.values())):
        return None
    files = [folder.path / name for name in own]
    total = sum(file.stat().st_size for file in files)
    files.append(results / "failures" / f"{folder.run_id}.json")
    return Find(folder.path, total, lambda: delete_files(files, folder.path, results / "runs"))


def _predictions(study: Study, results: Path, folders: list[Folder]) -> list[Find]:
    """Full tables of finished runs that keep none, their masks, and their rows in the collected table."""
    kept = {key.run_id for key in study.runs() if study.keep.predictions_of(key.seed, study.seeds)}
    dropped = [folder for folder in folders if folder.run_id not in kept and "run.parquet" in folder.files]
    finds = [
        clean_predictions.of_run(folder.path / "predictions.parquet")
        for folder in dropped
        if "predictions.parquet" in folder.files
    ]
    finds += [folder.find("masks.parquet") for folder in dropped if "masks.parquet" in folder.files]
    table = results / "tables" / "predictions.parquet"
    if dropped and table.is_file():
        finds.append(clean_predictions.of_table(table, frozenset(folder.run_id for folder in dropped)))
    return [find for find in finds if find]
