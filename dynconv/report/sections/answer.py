"""The answer first: which variants beat the control, by how much, at what cost, how surely."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dynconv.report import numbers
from dynconv.report.coverage import coverage
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section
from dynconv.report.sections.tasks import anchor
from dynconv.report.summary import contrary, reasons, reservations, small
from dynconv.report.verdicts import Verdict, verdicts


@dataclass(frozen=True)
class Headline:
    """The answer of one task in one sentence, and the verdicts and reasons behind it."""

    task: str
    anchor: str
    sentence: str
    verdicts: list[Verdict]
    reasons: list[tuple[str, str]]  # (variants, why they are inconclusive)
    reservations: list[tuple[str, str]]  # (variants, what to know of their being better or worse)
    n_datasets: str  # in words
    reach: float  # half the width of the axis on which the differences are drawn (metric units)
    rope: float | None


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section, whatever there is to answer with."""
    found = verdicts(results)
    headlines = []
    for task in results.tasks:
        own = [v for v in found if v.task == task]
        why = [(numbers.listing(names), reason) for (_, reason), names in reasons(own).items()]
        but = [(numbers.listing(names), reason) for (_, reason), names in reservations(results, own).items()]
        count, rope = max((v.n_datasets for v in own), default=0), results.rope(task)
        over = f"{count} dataset{'' if count == 1 else 's'}"
        headlines.append(
            Headline(task, anchor(task), sentence(results, task, own), own, why, but, over, _reach(own, rope), rope)
        )
    context = {
        "headlines": headlines,
        "found": found,
        "cover": {(v.task, v.variant): coverage(results, task=v.task, variant=v.variant) for v in found},
        "control": results.control,
        "level": 100 * (1 - results.alpha) if results.alpha else None,
        "posteriors": _posteriors(results),
        "ratio": "geometric mean over datasets of the ratio to the control",
        "unit_": [v.metric in numbers.FRACTIONS for v in found],
        "lower": sorted({numbers.label(v.metric) for v in found if numbers.lower_is_better(v.metric)}),
        "deviations": results.plan.get("deviations", []),
    }
    yield Section("answer", "The answer", "answer.html.j2", context)


def _reach(found: list[Verdict], rope: float | None) -> float:
    ends = [v for line in found for v in (line.diff, line.ci_low, line.ci_high) if v is not None]
    return max(map(abs, [*ends, rope or 0.0]), default=0.0) or 1.0


def _posteriors(results: Results) -> dict[tuple[str, str], dict[Any, Any]]:
    """By task and variant: the Bayesian signed-rank test against the control, where there is one."""
    rows = results.posterior
    rows = rows[
        (rows["model"] == "signed_rank") & (rows["prior"] == "default") & (rows["variant_b"] == results.control)
    ]
    return {(row["task"], row["variant_a"]): row for row in rows[rows["p_a"].notna()].to_dict("records")}


def sentence(results: Results, task: str, found: list[Verdict]) -> str:
    """The answer of a task in one or two sentences; never says more than the verdicts do."""
    if not found:
        return _nothing(results, task)
    control, metric = found[0].control, numbers.label(found[0].metric)
    parts = []
    for verdict, verb in (("superior", f"better than {control}"), ("inferior", f"worse than {control}")):
        if named := [_with_size(results, v) for v in found if v.verdict == verdict]:
            parts.append(
                f"{numbers.listing(named)} {'is' if len(named) == 1 else 'are'} significantly {verb} in {metric}."
            )
    if same := [v.variant for v in found if v.verdict == "equivalent"]:
        parts.append(
            f"{numbers.listing(same)} {'is' if len(same) == 1 else 'are'} practically equivalent to {control}."
        )
    open_ = [v for v in found if v.verdict == "inconclusive"]
    if len(open_) == len(found):
        parts.append(f"Inconclusive: no variant is shown to be better or worse than {control} in {metric}.")
    elif open_:
        parts.append(f"Inconclusive: {numbers.listing([v.variant for v in open_])}.")
    return " ".join(parts)


def _with_size(results: Results, v: Verdict) -> str:
    unit = " points" if v.metric in numbers.FRACTIONS else ""
    but = ", too small to matter" if small(results, v) else ", of the other sign: see below" if contrary(v) else ""
    return f"{v.variant} ({numbers.difference(v.diff, v.metric)}{unit}{but})"  # the table below has the interval


def _nothing(results: Results, task: str) -> str:
    runs = results.runs[results.runs["task"] == task]
    if len(runs) and not (runs["status"] == "ok").any():
        return f"No answer: all {len(runs)} runs failed."
    if runs["variant"].nunique() == 1:
        return (
            f"No answer: {runs['variant'].iloc[0]} is the only variant with runs, there is nothing to compare it with."
        )
    if (results.pairwise["task"] == task).any():
        return "No answer: the analysis plan has no comparison with the control; those that it has are below."
    return "No answer yet: the runs have not been compared (stats/pairwise.parquet has no row of this task)."
