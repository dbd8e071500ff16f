"""Where the numbers come from: each provenance column's distinct values and how many runs carry them."""

from dataclasses import dataclass

import pandas as pd

from dynconv.report import speed
from dynconv.report.results import Results

COLUMNS = {
    "device": "Device",
    "hostname": "Machine",
    "strategy": "Strategy",
    "world_size": "Processes a run",
    "precision": "Precision",
    "dynconv_version": "dynconv",
    "python_version": "Python",
    "torch_version": "PyTorch",
    "cuda_version": "CUDA",
    "git_sha": "Commit",
    "git_dirty": "Uncommitted changes",
    "study": "Study",
    "study_hash": "Study hash",
    "plan_hash": "Analysis plan",
}


@dataclass(frozen=True)
class Fact:
    """One column: its distinct values, most frequent first, with the number of runs of each."""

    label: str
    values: tuple[tuple[str, int], ...]


def facts(results: Results) -> list[Fact]:
    """The provenance of all runs, failed ones included."""
    return [Fact(label, _distinct(results.runs[column])) for column, label in COLUMNS.items()]


def period(results: Results) -> tuple[str, str] | None:
    """First start and last end of any run (UTC, to the minute), if recorded."""
    started, finished = results.runs["started_at"].min(), results.runs["finished_at"].max()
    if pd.isna(started) or pd.isna(finished):
        return None
    return f"{started:%Y-%m-%d %H:%M}", f"{finished:%Y-%m-%d %H:%M}"


def dataset_hashes(results: Results) -> list[Fact]:
    """The hashes of each dataset's arrays: more than one means that the runs saw different data."""
    return [Fact(str(name), _distinct(group["dataset_hash"])) for name, group in results.runs.groupby("dataset")]


def warnings(results: Results) -> list[str]:
    """What a careful reader must know about the origin of the runs, one sentence each."""
    runs, found = results.runs, []
    for task in results.tasks:
        devices = sorted(results.ok.loc[results.ok["task"] == task, "device"].dropna().unique())
        if len(devices) > 1:
            found.append(
                f"The {task} runs were timed on different hardware ({'; '.join(devices)}). Times are compared only"
                " between runs on the same device, with the same strategy, number of processes and precision."
            )
        if len(measured := speed.hardware(results, task)) > 1:
            found.append(
                f"The {task} networks were profiled on different hardware ({'; '.join(measured)}). Their speed and"
                " memory are compared only where all of this is the same."
            )
    if runs["git_dirty"].fillna(False).astype(bool).any():
        found.append("Some runs were trained with uncommitted changes: their commit does not fully identify the code.")
    for column, what in (("git_sha", "commits"), ("torch_version", "versions of PyTorch")):
        if (n := runs[column].nunique()) > 1:
            found.append(f"The runs come from {n} {what}.")
    for fact in dataset_hashes(results):
        if len([value for value, _ in fact.values if value]) > 1:
            found.append(f"The runs on {fact.label} were trained on {len(fact.values)} different versions of its data.")
    for (dataset, variant), group in runs.groupby(["dataset", "variant"]):
        if group["run_hash"].nunique() > 1:
            found.append(f"The runs of {variant} on {dataset} follow different recipes or options.")
    return found


def _distinct(column: pd.Series) -> tuple[tuple[str, int], ...]:
    counts = column.map(_text).value_counts()
    return tuple(sorted(((str(k), int(n)) for k, n in counts.items()), key=lambda item: (-item[1], item[0])))


def _text(value: object) -> str:
    if value is None or value is pd.NaT or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) else str(value)
