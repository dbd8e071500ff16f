"""Bytes and numbers of the files of a study: what is there, and what will be."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from dynconv.clean.predictions import bytes_of_an_empty_table
from dynconv.recipe import Recipe
from dynconv.study import RunKey, Study

_SAMPLE = 5  # past runs of a dataset that are weighed: their files hardly differ in size
FILES_OF_A_RUN = ("run", "metrics", "diagnostics", "masks", "predictions")
Cell = tuple[str, bool]  # a dataset, and whether the run keeps its predictions (one a test example)


def cell(study: Study, key: RunKey) -> Cell:
    """The runs that take as much disk as this one."""
    return key.dataset, study.keep.predictions_of(key.seed, study.seeds)


def bytes_of_runs(study: Study, done: Iterable[RunKey]) -> dict[Cell, float]:
    """Mean bytes of a run's files once `keep` is applied, by cell; only where runs are done."""
    by_cell: dict[Cell, list[RunKey]] = {}
    for key in done:
        by_cell.setdefault(cell(study, key), []).append(key)
    means = {}
    for (dataset, keeps), keys in by_cell.items():
        sample = keys[:: max(1, len(keys) // _SAMPLE)]  # not the first few, which are all of one variant
        folders = [Path(study.results, "runs", key.run_id) for key in sample]
        names = FILES_OF_A_RUN if keeps else FILES_OF_A_RUN[:-1]
        mean = fmean(sum(_bytes(folder / f"{name}.parquet") for name in names) for folder in folders)
        means[dataset, keeps] = mean if keeps else mean + bytes_of_an_empty_table()
        if keeps and (dataset, False) not in by_cell:
            less = fmean(_bytes(folder / "predictions.parquet") for folder in folders)
            means[dataset, False] = mean - less + bytes_of_an_empty_table()
    return means


def bytes_of_checkpoints(study: Study, tasks: Mapping[str, Any], done: Mapping[RunKey, Mapping[str, Any]]) -> int:
    """What a run holds at most while it trains: the checkpoint and the one before; 0 where no run is done."""
    return 2 * max(
        (
            bytes_of_a_checkpoint(row["params"], study.recipe(key.dataset, tasks[key.dataset]))
            for key, row in done.items()
            if row["params"]
        ),
        default=0,
    )


def bytes_of_a_checkpoint(params: int, recipe: Recipe) -> int:
    """The parameters, what the optimiser remembers of each, and their average, in fp32."""
    slots = 2 if recipe.optimizer != "sgd" else int(recipe.momentum > 0)
    return 4 * params * (1 + slots + (recipe.ema_decay is not None))


def bytes_of_data(study: Study) -> dict[str, int]:
    """Bytes of each prepared dataset of the study."""
    prepared = {}
    for dataset in study.datasets:
        folder = Path(study.data, dataset.name)
        if (folder / "meta.json").is_file():
            prepared[dataset.name] = sum(_bytes(file) for file in folder.glob("*.*"))
    return prepared


def _bytes(file: Path) -> int:
    """Bytes of a file; 0 if it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
