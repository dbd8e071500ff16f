"""How complete the results are, and what failed."""

from collections.abc import Iterator

import pandas as pd

from dynconv.report import numbers
from dynconv.report.coverage import Coverage, by_dataset
from dynconv.report.coverage import coverage as coverage_of
from dynconv.report.paper.table import Cell, Column, Names, Table
from dynconv.report.results import PATHS, STUDY, Results

_COUNTS = ("expected", "ok", "failed", "missing")


def tables(results: Results) -> Iterator[Table]:
    """Runs by dataset, whatever there is; the failed ones with their causes, where there are any."""
    yield _coverage(results)
    failed = results.runs[results.runs["status"] != "ok"]
    if len(failed):
        yield _failures(failed)


def _coverage(results: Results) -> Table:
    rows = by_dataset(results)
    total, short = coverage_of(results), Names([dataset for _, dataset, _ in rows], 40)
    lines = [[Cell(short[d]), Cell(task or "not known: no run yet"), *_counts(c)] for task, d, c in rows]
    notes = ["A failed run has no value: means are over the seeds that remain."]
    if total.expected is None:
        notes.append("The folder holds no study: how many runs were expected is not known.")
    if total.extra:
        notes.append(f"{total.extra} runs in the tables are not part of the study and not counted here.")
    return Table(
        name="coverage",
        caption="Runs by dataset: expected, ended well, failed, missing.",
        columns=(
            Column("Dataset", numeric=False),
            Column("Task", numeric=False),
            *(Column(n.capitalize()) for n in _COUNTS),
        ),
        rows=[*lines, [Cell("All"), Cell(""), *_counts(total)]],
        data={
            "coverage": pd.DataFrame(
                [
                    {"task": t, "dataset": d} | {name: getattr(c, name) for name in (*_COUNTS, "extra")}
                    for t, d, c in rows
                ],
                columns=["task", "dataset", *_COUNTS, "extra"],
            ).convert_dtypes()
        },
        sources=(PATHS["runs"], *((STUDY,) if results.study else ())),
        notes=tuple(notes),
        breaks=frozenset({len(lines)}),
        full=short.full,
    )


def _counts(found: Coverage) -> list[Cell]:
    return [Cell(numbers.integer(getattr(found, name))) for name in _COUNTS]


def _failures(failed: pd.DataFrame) -> Table:
    datasets, variants = (Names([*dict.fromkeys(failed[c])], 18) for c in ("dataset", "variant"))
    columns = ["task", "dataset", "variant", "seed", "attempt", "failure"]
    return Table(
        name="failures",
        caption="Failed runs and their causes.",
        columns=(
            Column("Dataset", numeric=False),
            Column("Variant", numeric=False),
            Column("Seed"),
            Column("Attempt"),
            Column("Cause", numeric=False, prose=True),
        ),
        rows=[
            [
                Cell(datasets[row["dataset"]]),
                Cell(variants[row["variant"]]),
                Cell(numbers.integer(row["seed"])),
                Cell(numbers.integer(row["attempt"])),
                Cell(row["failure"] or "no cause recorded"),
            ]
            for row in failed.to_dict("records")
        ],
        data={"failures": failed[columns]},
        sources=(PATHS["runs"],),
        full=datasets.full | variants.full,
    )
