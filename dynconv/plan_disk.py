"""Bytes and numbers of the files of a study: what is there, and what will be."""

from collections.abc import Iterable
from pathlib import Path

from dynconv.study import RunKey, Study

_SAMPLE = 5  # past runs of a dataset that are weighed: their files hardly differ in size
FILES_OF_A_RUN = ("run", "metrics", "predictions")


def bytes_of_runs(study: Study, done: Iterable[RunKey]) -> dict[str, float]:
    """Mean bytes of a run's files, by dataset (a run keeps one prediction a test example); only where runs are done."""
    by_dataset: dict[str, list[RunKey]] = {}
    for key in done:
        by_dataset.setdefault(key.dataset, []).append(key)
    means = {}
    for dataset, keys in by_dataset.items():
        sample = keys[:: max(1, len(keys) // _SAMPLE)]  # not the first few, which are all of one variant
        folders = [Path(study.results, "runs", key.run_id) for key in sample]
        sizes = [_bytes(folder / f"{name}.parquet") for folder in folders for name in FILES_OF_A_RUN]
        means[dataset] = sum(sizes) / len(folders)
    return means


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
