"""All tasks side by side: the verdicts, and which variant is better on every task."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from dynconv.report import numbers
from dynconv.report.coverage import failed_rule
from dynconv.report.paper.table import EXPLORATORY, Cell, Column, Names, Table, level, verdict
from dynconv.report.results import PATHS, Results
from dynconv.report.summary import reasons, reservations
from dynconv.report.verdicts import Verdict, verdicts

_CLAIM = "Better on every task"


def tables(results: Results) -> Iterator[Table]:
    """The verdicts, where something was compared with a control; the claims about all tasks, where there are any."""
    if found := verdicts(results):
        yield _verdicts(results, found)
    claims = results.crosstask[results.crosstask["task"] == "all"]
    if len(claims):
        yield _claims(results, claims)


def _verdicts(results: Results, found: list[Verdict]) -> Table:
    short = Names([v for v in results.variants if any(v == f.variant for f in found)], 18)
    lines: list[list[Cell]] = []
    groups: dict[int, str] = {}
    free = all(v.exploratory for v in found)
    last = None
    for v in found:
        if v.task != last:
            groups[len(lines)] = f"{numbers.task_title(v.task)}, {numbers.label(v.metric)}{numbers.unit(v.metric)}"
        lines.append(
            [
                Cell(short[v.variant]),
                Cell(numbers.value(v.mean, v.metric)),
                Cell(numbers.difference(v.diff, v.metric), v.verdict in ("superior", "inferior")),
                Cell(numbers.interval(v.ci_low, v.ci_high, v.metric)),
                Cell(f"{v.wins}/{v.ties}/{v.losses}"),
                Cell(numbers.p_value(v.p_adjusted)),
                Cell(numbers.ratio(v.cost.macs)),
                Cell(numbers.ratio(v.cost.train_s)),
                verdict(v.verdict, v.exploratory, free),
            ]
        )
        last = v.task
    wide = level(results)
    notes = [
        f"Differences to {found[0].control} (positive: the variant is better), of"
        " metrics between 0 and 1 in percentage points to one decimal, else to"
        " three significant digits; bold: significant. W/T/L: datasets won, tied and lost; adj. p: two-sided, adjusted"
        " within the task\u2019s family, to three decimals. MACs as executed and training time relative to the"
        " control\u2019s on the same dataset and hardware, geometric means. Tasks are never pooled."
    ]
    told = [*reasons(found).items(), *reservations(results, found).items()]
    notes += [rule] if (rule := failed_rule(results)) else []
    notes += [EXPLORATORY] * free
    notes += [f"{task}: {numbers.listing(names)}: {reason}" for (task, reason), names in told]
    data = pd.DataFrame([{**asdict(v), **{f"{k}_ratio": n for k, n in asdict(v.cost).items()}} for v in found])
    return Table(
        name="verdicts",
        caption=f"Each variant against {found[0].control}, task by task.",
        columns=(
            Column("Variant", numeric=False),
            Column("Mean"),
            Column("Difference"),
            Column(wide[0].upper() + wide[1:]),
            Column("W/T/L"),
            Column("adj. p"),
            Column("MACs"),
            Column("Time"),
            Column("Verdict", numeric=False),
        ),
        rows=lines,
        data={"verdicts": data.drop(columns="cost")},
        sources=tuple(PATHS[name] for name in ("pairwise", "means", "runs", "profile")),
        notes=tuple(notes),
        groups=groups,
        full=short.full,
    )


def _claims(results: Results, claims: pd.DataFrame) -> Table:
    order = {variant: place for place, variant in enumerate(results.variants)}
    rows: list[dict[Any, Any]] = sorted(
        claims.to_dict("records"), key=lambda row: order.get(row["variant"], len(order))
    )
    short = Names([row["variant"] for row in rows], 18)
    free = all(row["exploratory"] for row in rows)
    return Table(
        name="every-task",
        caption=f"{_CLAIM} than the control: intersection\u2013union tests.",
        columns=(
            Column("Variant", numeric=False),
            Column("Datasets"),
            Column("p"),
            Column("adj. p"),
            Column("Verdict", numeric=False),
            Column("Why", numeric=False, prose=True),
        ),
        rows=[
            [
                Cell(short[row["variant"]]),
                Cell(numbers.integer(row["n_datasets"])),
                Cell(numbers.p_value(row["p"])),
                Cell(numbers.p_value(row["p_adjusted"])),
                verdict(row["verdict"], row["exploratory"], free),
                Cell(row["reason"] or numbers.NONE),
            ]
            for row in rows
        ],
        data={"every-task": pd.DataFrame(rows)},
        sources=(PATHS["crosstask"],),
        notes=(
            "p: the largest of the tasks\u2019 unadjusted two-sided p, taking 1 where the variant is not ahead; adj. p:"
            " Holm-adjusted over the variants. Both to three decimals.",
            *[EXPLORATORY] * free,
        ),
        full=short.full,
    )
