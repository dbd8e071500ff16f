"""Where the numbers come from: each provenance column's distinct values and how many runs carry them."""

from dataclasses import dataclass

import pandas as pd

from dynconv.report import numbers, speed
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
_SEVERAL = {"git_sha": "commits", "dynconv_version": "versions of dynconv", "torch_version": "versions of PyTorch"}


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
    runs = results.runs
    counts = runs.groupby(["dataset", runs["dataset_hash"].map(text)]).size()
    found: dict[str, dict[str, int]] = {}
    for (dataset, value), n in counts.items():
        found.setdefault(str(dataset), {})[str(value)] = int(n)
    return [Fact(dataset, _sorted(values)) for dataset, values in found.items()]


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
        own, metric = results.ok[results.ok["task"] == task], results.metric(task)
        if metric in own and (n := int(own[metric].isna().sum())):
            found.append(f"{n} of the {len(own)} {task} runs that ended well have no {numbers.label(metric)}.")
    if runs["git_dirty"].fillna(False).astype(bool).any():
        found.append("Some runs were trained with uncommitted changes: their commit does not fully identify the code.")
    for column, what in _SEVERAL.items():
        if (n := runs[column].nunique()) > 1:
            found.append(f"The runs come from {n} {what}.")
    for fact in dataset_hashes(results):
        if len([value for value, _ in fact.values if value]) > 1:
            found.append(f"The runs on {fact.label} were trained on {len(fact.values)} different versions of its data.")
    recipes = runs.groupby(["dataset", "variant"])["run_hash"].nunique()
    for dataset, variant in recipes.index[recipes > 1]:
        found.append(f"The runs of {variant} on {dataset} follow different recipes or options.")
    return found


def _distinct(column: pd.Series) -> tuple[tuple[str, int], ...]:
    return _sorted({str(value): int(n) for value, n in column.map(text).value_counts().items()})


def _sorted(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def text(value: object) -> str:
    """A value as a reader wants it; empty where it is not recorded."""
    if value is None or value is pd.NaT or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) else str(value)
