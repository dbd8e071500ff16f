"""What differs between the folders that are merged, though it does not keep them apart: one warning each."""

from collections.abc import Iterable, Mapping
from typing import Any

from dynconv.tables import METRICS

Rows = Mapping[str, list[dict[str, Any]]]  # by folder, those that are taken from it

# column -> what is said of it
_FACTS = {
    "device": "hardware: times are compared only between runs on the same hardware",
    "dynconv_version": "versions of dynconv",
    "git_sha": "commits of the code",
    "torch_version": "versions of PyTorch",
    "precision": "precision",
    "plan_hash": "analysis plans: what is concluded is exploratory for runs that were made under another one",
}
_SHOWN = 3


def warnings(folders: Rows) -> list[str]:
    """One sentence for each thing that a careful reader of the merged tables must know."""
    found = []
    rows = [(name, row) for name, own in folders.items() for row in own]
    tasks = _values((row["dataset"], name, row["task"]) for name, row in rows)
    for dataset, by_folder in tasks.items():
        if _differ(by_folder):
            found.append(f"{dataset} is of another task: {_told(by_folder)}; no test compares them")
    data = _values((row["dataset"], name, row["dataset_hash"]) for name, row in rows)
    for dataset, by_folder in data.items():
        if _differ(by_folder):
            found.append(f"the data of {dataset} differ: {_told(by_folder)}; these runs have not learned the same task")
    recipes = _values((f"{row['variant']} on {row['dataset']}", name, row["run_hash"]) for name, row in rows)
    if other := [cell for cell, by_folder in recipes.items() if _differ(by_folder)]:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        found.append(
            f"recipe or options differ (run_hash): {', '.join(other[:_SHOWN])}{more}; their seeds are no peers"
        )
    metrics = _values(
        (row["task"], name, column.name)
        for name, row in rows
        for column in METRICS
        if row["status"] == "ok" and column.name != "executed_fraction" and row[column.name] is not None
    )
    for task, by_folder in metrics.items():
        if _differ(by_folder):
            found.append(f"the {task} runs have other metrics: {_told(by_folder)}")
    for column, what in _FACTS.items():
        by_folder = _values(("", name, row[column]) for name, row in rows).get("", {})
        if _differ(by_folder):
            found.append(f"{what} ({column}): {_told(by_folder)}")
    return found


def _values(cells: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, set[str]]]:
    """The distinct values of each thing in each folder; what is not recorded is none."""
    found: dict[str, dict[str, set[str]]] = {}
    for thing, folder, value in cells:
        if value is not None:
            found.setdefault(thing, {}).setdefault(folder, set()).add(str(value))
    return found


def _differ(by_folder: Mapping[str, set[str]]) -> bool:
    return len({frozenset(values) for values in by_folder.values()}) > 1


def _told(by_folder: Mapping[str, set[str]]) -> str:
    return "; ".join(
        f"{folder}: {', '.join(sorted(values)[:_SHOWN])}{', ...' if len(values) > _SHOWN else ''}"
        for folder, values in by_folder.items()
    )
