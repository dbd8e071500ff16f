"""What a results folder holds, read once and checked."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dynconv import records
from dynconv.comparison_tables import COMPARISONS
from dynconv.errors import DynconvError
from dynconv.report.dynamics import Dynamics, reduce
from dynconv.report.run_counts import count
from dynconv.study import PRIMARY_METRIC, TASKS, Study
from dynconv.study import load as load_study

PATHS = {
    "runs": "tables/runs.parquet",
    "metrics": "tables/metrics.parquet",
    "predictions": "tables/predictions.parquet",
    "diagnostics": "tables/diagnostics.parquet",
    "masks": "tables/masks.parquet",
    "profile": "tables/profile.parquet",
    "trials": "tables/trials.parquet",
    "choices": "tables/choices.parquet",
    **{table.name: f"stats/{table.name}.parquet" for table in COMPARISONS},
}
HELD = (
    "runs",
    "metrics",
    "profile",
    "choices",
    "means",
    "ranks",
    "omnibus",
    "cliques",
    "performance_profiles",
    "pairwise",
    "posterior",
    "crosstask",
    "pareto",
)  # of others: the length
SEARCH = ("trials", "choices")  # only of a study that tunes
STUDY = "study.yaml"
PLAN = "stats/plan.json"
SNAPSHOT = "snapshot.json"


@dataclass(frozen=True)
class Results:
    """The tables of one results folder, as pandas frames; an absent table is an empty frame with its columns."""

    folder: Path
    study: Study | None
    rows: dict[str, int]  # rows of each table that is there
    runs: pd.DataFrame
    metrics: pd.DataFrame
    profile: pd.DataFrame
    choices: pd.DataFrame
    means: pd.DataFrame
    ranks: pd.DataFrame
    omnibus: pd.DataFrame
    cliques: pd.DataFrame
    performance_profiles: pd.DataFrame
    pairwise: pd.DataFrame
    posterior: pd.DataFrame
    crosstask: pd.DataFrame
    pareto: pd.DataFrame

    @property
    def absent(self) -> list[str]:
        """Paths, relative to the folder, of the tables that are not there."""
        tunes = self.study is not None and self.study.tune is not None
        optional = (*(() if tunes else SEARCH), "diagnostics", "masks")
        return [path for name, path in PATHS.items() if name not in self.rows and name not in optional]

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The runs that ended well."""
        return self.runs[self.runs["status"] == "ok"]

    @cached_property
    def counts(self) -> dict[tuple[str, str], Counter[str]]:
        """How many runs of each (dataset, variant) are `ok`, `failed`, `missing` and `extra`."""
        return count(self.runs, self.study)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What the comparison says of the plan that it followed; empty where it says nothing."""
        file = self.folder / PLAN
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except ValueError as error:
            raise DynconvError(f"{file}: not readable JSON: {error}") from None

    @cached_property
    def snapshot(self) -> dict[str, Any] | None:
        """Of a half-way report (`dynconv snapshot`), when it was taken and how every run stood; else None."""
        file = self.folder / SNAPSHOT
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        except ValueError as error:
            raise DynconvError(f"{file}: not readable JSON: {error}") from None

    @cached_property
    def dynamics(self) -> Dynamics | None:
        """What the layers of these did; None where nobody has looked at an attention."""
        if not self.rows.get("diagnostics"):
            return None
        epochs = dict(zip(self.ok["run_id"], self.ok["epochs"], strict=True))
        return reduce(self.folder / PATHS["diagnostics"], epochs, self.task_of)

    @cached_property
    def control(self) -> str | None:
        """The variant all others are compared with: the analysis's, else the study's, else unknown."""
        against = self.pairwise.loc[self.pairwise["family"] == "primary", "variant_b"].unique()
        if len(against) == 1:
            return str(against[0])
        if recorded := self.plan.get("analysis", {}).get("control"):
            return str(recorded)
        return self.study.analysis.control if self.study else None

    @cached_property
    def variants(self) -> list[str]:
        """Every variant: the control first, then in the order of the study, then by name."""
        declared = [v.name for v in self.study.variants] if self.study else []
        pairs = {*self.pairwise["variant_a"], *self.pairwise["variant_b"]}
        found = sorted(
            {*self.runs["variant"], *self.means["variant"], *self.profile["variant"], *pairs} - set(declared)
        )
        return sorted([*declared, *found], key=lambda name: name != self.control)

    @cached_property
    def tasks(self) -> list[str]:
        """Every task that some table mentions, in the order of `study.TASKS`."""
        found = {task for frame in (self.runs, self.profile, self.means, self.pairwise) for task in frame["task"]}
        return sorted(found, key=lambda task: (TASKS.index(task) if task in TASKS else len(TASKS), task))

    @cached_property
    def task_of(self) -> dict[str, str]:
        """The task of each dataset that some table mentions."""
        frames = [frame[["dataset", "task"]] for frame in (self.runs, self.profile, self.means)]
        pairs = pd.concat(frames).drop_duplicates("dataset")
        return dict(zip(pairs["dataset"], pairs["task"], strict=True))

    @property
    def alpha(self) -> float | None:
        """The level that the comparison used, which goes over the one that was planned; None: unknown."""
        planned = {"alpha": self.study.analysis.alpha} if self.study else {}
        return self.plan.get("analysis", planned).get("alpha")

    def rope(self, task: str) -> float | None:
        """The half-width of the region of practical equivalence that the comparison of a task used; None: unknown."""
        rope = self.plan.get("analysis", {}).get("rope")
        return rope.get(task) if isinstance(rope, dict) else rope

    def datasets(self, task: str) -> list[str]:
        """The datasets of a task: in the order of the study, then by name."""
        declared = [d.name for d in self.study.datasets] if self.study else []
        found = {dataset for dataset, of in self.task_of.items() if of == task}
        return [d for d in declared if d in found] + sorted(found - set(declared))

    def present(self, task: str) -> list[str]:
        """The variants of a task, in the report's order."""
        frames = (self.runs, self.means, self.profile)
        found = {variant for frame in frames for variant in frame.loc[frame["task"] == task, "variant"]}
        return [variant for variant in self.variants if variant in found]

    def metric(self, task: str) -> str:
        """The metric that the analysis of a task compares."""
        for frame in (self.means, self.pairwise):
            named = frame.loc[frame["task"] == task, "metric"].dropna()
            if len(named):
                return str(named.iloc[0])
        chosen = {str(of): metric for of, metric in self.study.analysis.metric.items()} if self.study else {}
        return chosen.get(task) or PRIMARY_METRIC.get(task, "value")


def load(folder: str | Path) -> Results:
    """Read a results folder; only `tables/runs.parquet` must be there.

    Raises:
        DynconvError: the runs are missing, a table is unreadable or not of its schema, `study.yaml` is not valid.
    """
    folder = Path(folder)
    if not (folder / PATHS["runs"]).is_file():
        raise DynconvError(f"{folder / PATHS['runs']}: no such file; `dynconv collect` writes it")
    study = load_study(folder / STUDY) if (folder / STUDY).is_file() else None
    untuned = study is not None and study.tune is None  # then what is there is of an earlier form of the study
    frames: dict[str, pd.DataFrame] = {}
    rows: dict[str, int] = {}
    for name, path in PATHS.items():
        there = (folder / path).is_file() and not (untuned and name in SEARCH)
        if name not in HELD:
            if there:
                rows[name] = records.metadata(folder / path).num_rows
            continue
        table = records.read(name, folder / path) if there else records.TABLES[name].schema.empty_table()
        frames[name] = table.to_pandas()
        if there:
            rows[name] = len(table)
    return Results(folder=folder, study=study, rows=rows, **frames)
