"""Pairs of variants: each against the control, all of them as a list, and as a matrix."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dynconv.report import numbers
from dynconv.report.figures.drawing import file_name
from dynconv.report.paper.table import EXPLORATORY, Cell, Column, Names, Table, capital, digits, level, verdict
from dynconv.report.results import PATHS, Results
from dynconv.stats.verdict import ADJUSTED, ONE_DATASET

_SIGNED = ("mean_diff", "hodges_lehmann", "rank_biserial", "cliffs_delta")  # of b against a: the negative
_SHARES = ("prob_a_better", "a12")  # of b against a: what is left of 1
_SHOWN = ("task", "variant_a", "variant_b", "metric", "family", "n_datasets", "mean_diff", "p_adjusted", "significant")
_TURNED = {"superior": "inferior", "inferior": "superior"}
_TESTS = {
    "wilcoxon": "Wilcoxon\u2019s signed-rank test over datasets",
    "sign_flip": "sign-flip permutation test over datasets",
    ONE_DATASET: "Welch\u2019s and the permutation test over the seeds of the one dataset, both of which must reject",
}


def tables(results: Results) -> Iterator[Table]:
    """For every task that was compared: each variant against the control, and with three variants or more all pairs."""
    for task in results.tasks:
        rows = results.pairwise[results.pairwise["task"] == task]
        against = list(against_control(results, task).values())
        if against:
            yield _list(results, task, file_name("control", task), against, control=True)
        if len(rows) > len(against):
            yield _list(results, task, file_name("pairs", task), rows.to_dict("records"), control=False)
            yield _matrix(results, task, rows)


def turned(row: dict[Any, Any]) -> dict[Any, Any]:
    """The row of the pairwise table seen from b: a and b exchanged, every effect with its interval turned."""
    new = {**row, "variant_a": row["variant_b"], "variant_b": row["variant_a"]}
    new |= {"wins": row["losses"], "losses": row["wins"]}
    new["verdict"] = _TURNED.get(row["verdict"], row["verdict"])
    for names, origin in ((_SIGNED, 0.0), (_SHARES, 1.0)):
        for name in names:
            new[name] = origin - row[name]
            new[f"{name}_ci_low"], new[f"{name}_ci_high"] = (
                origin - row[f"{name}_ci_high"],
                origin - row[f"{name}_ci_low"],
            )
    low, high = "mean_diff_fixed_ci_low", "mean_diff_fixed_ci_high"
    new[low], new[high] = -row[high], -row[low]
    return new


def against_control(results: Results, task: str) -> dict[str, dict[Any, Any]]:
    """The pairwise rows of a task that compare a variant with the control, by variant in the report's order."""
    found = {}
    for row in results.pairwise[results.pairwise["task"] == task].to_dict("records"):
        if results.control in (row["variant_a"], row["variant_b"]):
            row = turned(row) if row["variant_a"] == results.control else row
            found[row["variant_a"]] = row
    return {variant: found[variant] for variant in results.variants if variant in found}


def _list(results: Results, task: str, name: str, rows: list[dict[Any, Any]], *, control: bool) -> Table:
    metric = results.metric(task)
    short = Names([v for v in results.variants if any(v in (r["variant_a"], r["variant_b"]) for r in rows)], 18)
    one = all(row["test"] == ONE_DATASET for row in rows)
    wide, free = level(results), all(row["exploratory"] for row in rows)
    columns = [
        Column("Variant" if control else "a", numeric=False),
        *([] if control else [Column("b", numeric=False)]),
        Column("Difference"),
        Column(wide[0].upper() + wide[1:]),
        Column("W/T/L"),
        Column("adj. p"),
        *([] if one else [Column("r")]),
        Column("P(better)"),
        Column("Verdict", numeric=False),
    ]
    lines = [
        [
            Cell(short[row["variant_a"]]),
            *([] if control else [Cell(short[row["variant_b"]])]),
            Cell(numbers.difference(row["mean_diff"], metric), bool(row["significant"])),
            Cell(numbers.interval(row["mean_diff_ci_low"], row["mean_diff_ci_high"], metric)),
            Cell("/".join(numbers.integer(row[c]) for c in ("wins", "ties", "losses"))),
            Cell(numbers.p_value(row["p_adjusted"]), bool(row["significant"])),
            *([] if one else [Cell(numbers.signed(row["rank_biserial"]))]),
            Cell(_share(row["a12"])),
            verdict(row["verdict"], row["exploratory"], free),
        ]
        for row in rows
    ]
    what = f"each variant against {results.control}" if control else "all pairs of variants, a against b"
    return Table(
        name=name,
        caption=f"{capital(numbers.label(metric))}, {what} ({numbers.task_title(task).lower()}).",
        columns=tuple(columns),
        rows=lines,
        data={name: pd.DataFrame(rows)},
        sources=(PATHS["pairwise"],),
        notes=(*_notes(task, metric, rows, control=control), *_effects(one), *[EXPLORATORY] * free),
        keep=1 if control else 2,
        full=short.full,
    )


def _notes(task: str, metric: str, rows: list[dict[Any, Any]], *, control: bool) -> list[str]:
    first = "the variant" if control else "a"
    tests = sorted({_TESTS.get(row["test"], row["test"]) for row in rows if row["test"]})
    adjusted = sorted({ADJUSTED.get(row["adjustment"], row["adjustment"]) for row in rows if row["adjustment"]})
    counts = sorted({int(row["n_datasets"]) for row in rows})
    over = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    missing, failed = max(row["n_missing"] for row in rows), max(row["n_failed"] for row in rows)
    notes = [
        f"{digits(metric)} Positive: {first} is better. W/T/L: datasets won, tied and lost by {first};"
        f" {over} dataset{'' if counts[-1] == 1 else 's'}."
    ]
    if tests:
        notes.append(
            f"adj. p: two-sided, {numbers.listing(tests)}, {numbers.listing(adjusted)} within the family, to three"
            " decimals; bold: significant."
        )
    if missing or failed:
        notes.append(
            f"Left out for a missing value: up to {int(missing)} datasets a pair; failed: up to {int(failed)} runs."
        )
    return notes


def _effects(one: bool) -> list[str]:
    rank = "r: matched-pairs rank-biserial correlation. " * (not one)
    return [f"{rank}P(better): probability that one training beats one of the other, ties as half, to two decimals."]


def _matrix(results: Results, task: str, rows: pd.DataFrame) -> Table:
    metric = results.metric(task)
    order = "column minus row" if numbers.lower_is_better(metric) else "row minus column"
    found = {}
    for row in rows.to_dict("records"):
        found[row["variant_a"], row["variant_b"]] = row
        found[row["variant_b"], row["variant_a"]] = turned(row)
    variants = [v for v in results.variants if any(v in key for key in found)]
    short = Names(variants, 14)
    place = {v: n for n, v in enumerate(variants)}

    def cell(a: str, b: str) -> Cell:
        row = found.get((a, b))
        if a == b or row is None:
            return Cell("" if a == b else numbers.NONE)
        bold = bool(row["significant"])
        if place[a] < place[b]:
            return Cell(numbers.difference(row["mean_diff"], metric), bold)
        return Cell(numbers.p_value(row["p_adjusted"]), bold)

    return Table(
        name=file_name("matrix", task),
        caption=f"{capital(numbers.label(metric))}, all pairs of variants as a matrix"
        f" ({numbers.task_title(task).lower()}).",
        columns=(Column("", numeric=False), *(Column(short[v]) for v in variants)),
        rows=[[Cell(short[a]), *(cell(a, b) for b in variants)] for a in variants],
        data={file_name("matrix", task): rows[[*_SHOWN]]},
        sources=(PATHS["pairwise"],),
        notes=(
            f"Above the diagonal: mean difference, {order} (positive: the row is better). Below it: the"
            f" adjusted p, to three decimals. Bold: significant. {digits(metric)}",
        ),
        full=short.full,
    )


def _share(value: Any) -> str:
    return f"{value:.2f}" if numbers.known(value) else numbers.NONE
