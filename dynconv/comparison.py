"""A comparison from tables to tables: what was declared, the rows, the plan that was followed, and what to know."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dynconv import data, records
from dynconv.analysis_plan import Analysis
from dynconv.stats import answer, compare, costs, declaration
from dynconv.stats.comparable import gaps
from dynconv.stats.declaration import Declaration
from dynconv.stats.predictions import PredictionFile
from dynconv.study import Study


@dataclass(frozen=True)
class Comparison:
    """What a comparison wrote: the rows of each table by its name, its `plan.json`, and what people should know."""

    tables: dict[str, pd.DataFrame]
    plan_file: Path
    rows: dict[Path, int] = field(default_factory=dict)  # of each file, in the order in which they were written
    notes: list[str] = field(default_factory=list)


def run(
    frame: pd.DataFrame,
    plan: Analysis,
    declared: Declaration | None,
    out: Path,
    *,
    runs: Path,
    profile: Path | None = None,
    predictions: Path | None = None,
    lower_is_better: bool = False,
    partial: bool = False,
) -> Comparison:
    """Compare, and write the tables and `plan.json` to the folder `out`.

    Args:
        frame: what `dynconv.stats.table.load` read from `runs`.
        plan: as it is followed.
        declared: what the study declared, having looked at the frame (`Declaration.against`).
        out: folder of the tables.
        runs: the file of the frame; where it is this project's, costs are read from it.
        profile: the networks' profile, or None.
        predictions: the runs' predictions, or None.
        lower_is_better: as in `dynconv.stats.compare.compare`.
        partial: likewise.

    Raises:
        DynconvError: a table is unreadable or cannot be analysed, or the tables cannot be written.
    """
    measured = records.read("profile", profile).to_pandas() if profile else None
    tables = compare.compare(
        frame,
        plan,
        declaration=declared,
        lower_is_better=lower_is_better,
        predictions=PredictionFile(predictions) if predictions else None,
        costs=costs.read(records.read("runs", runs).to_pandas(), measured) if frame.attrs["runs"] else None,
        groups=kinds(frame),
        partial=partial,
    )
    rows = {}
    for name, table in tables.items():
        rows[out / f"{name}.parquet"] = len(records.write(name, table, out / f"{name}.parquet"))
    undeclared = set(frame["variant"]) - set(declared.variants) if declared else ()
    missing = [gap.note for gap in gaps(frame, plan, declared)]
    file = declaration.write(out, plan, declared, undeclared, missing)
    notes = [*(declared.notes if declared else ()), *missing]
    notes += answer.notes(frame, plan, lower_is_better=lower_is_better)
    notes += answer.of_predictions(tables["crossed"]) if predictions else []
    notes += answer.of_profile(measured, frame) if profile else []
    return Comparison(tables, file, rows, notes)


def declaration_of(study: Study) -> Declaration:
    """What the study declared for the tasks of its datasets."""
    datasets: dict[str, list[str]] = {}
    for dataset in study.datasets:
        datasets.setdefault(data.spec(dataset.name).task, []).append(dataset.name)
    return Declaration(
        study=study.name,
        study_hash=study.study_hash,
        plan=study.analysis,
        variants=tuple(variant.name for variant in study.variants),
        datasets={task: tuple(names) for task, names in datasets.items()},
        seeds=study.seeds,
    )


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    """The kind of each dataset: what the table says, else what its family publishes."""
    if "groups" in frame.attrs:
        return frame.attrs["groups"]
    return {name: kind for name in frame["dataset"].unique() if (kind := data.kind(name))}
