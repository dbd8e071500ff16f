"""The sections of the page that holds studies against each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dynconv.records import TABLES
from dynconv.report import numbers
from dynconv.report.coverage import Coverage, coverage
from dynconv.report.figures import studies as figures
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import PATHS
from dynconv.report.sections.section import Section
from dynconv.report.sections.tasks import anchor
from dynconv.report.studies import differences
from dynconv.report.studies.changes import ALPHA, Change, Task
from dynconv.report.studies.side import Side, tasks, variants
from dynconv.report.verdicts import Verdict

MOST = 10  # datasets of a task, those with the largest change, that are named


@dataclass(frozen=True)
class Row:
    """A variant of a task in one study."""

    side: Side
    variant: str
    verdict: Verdict | None
    mean: float | None  # over the datasets that the study has it on
    cover: Coverage


@dataclass(frozen=True)
class Turn:
    """A variant whose verdict is not the same in two studies."""

    task: str
    variant: str
    a: str
    b: str


def sections(found: Sequence[Side], changes: Sequence[Task], drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """What has changed, then each task, then what the studies were made of, and how to read it."""
    told = differences.warnings(found, changes)
    answers = [(task, sentences(task)) for task in changes]
    yield Section("answer", "What has changed", "studies_answer.html.j2", {"answers": answers, "warnings": told})
    for task in tasks(found):
        own = [change for change in changes if change.task == task]
        context = {
            "task": task,
            "rows": rows(found, task),
            "metrics": {side.label: side.results.metric(task) for side in found if task in side.results.tasks},
            "changes": own,
            "cells_of": [change.cells[change.cells["diff"] != 0] for change in own],
            "most": MOST,
            "figures": [drawings[figures.name(change)] for change in own if figures.name(change) in drawings],
            "level": 100 - 100 * ALPHA,
        }
        yield Section(anchor(task), numbers.task_title(task), "studies_task.html.j2", context)
    yield Section(
        "provenance", "What differs", "studies_differences.html.j2", {"sides": found, "facts": differences.facts(found)}
    )
    tables = [(side.label, PATHS[name], TABLES[name].doc, n) for side in found for name, n in side.results.rows.items()]
    yield Section(
        "methods", "How to read this", "studies_methods.html.j2", {"tables": tables, "level": 100 - 100 * ALPHA}
    )


def rows(found: Sequence[Side], task: str) -> list[Row]:
    """Every variant of a task that some study has, each study under the other."""
    result = []
    for variant in variants(found):
        own = [_row(side, task, variant) for side in found]
        if any(row.cover.ok or row.cover.failed or row.verdict for row in own):
            result += own
    return result


def _row(side: Side, task: str, variant: str) -> Row:
    means = side.results.means
    own = means.loc[(means["task"] == task) & (means["variant"] == variant), "mean"]
    cover = coverage(side.results, task=task, variant=variant)
    mean = own.mean() if own.notna().any() else None
    return Row(side, variant, side.verdicts.get((task, variant)), mean, cover)


def turns(task: Task) -> list[Turn]:
    """The variants of a task whose verdict is not the same."""
    both = [key for key in task.a.verdicts if key in task.b.verdicts and key[0] == task.task]
    pairs = [(key[1], task.a.verdicts[key].verdict, task.b.verdicts[key].verdict) for key in both]
    return [Turn(task.task, variant, a, b) for variant, a, b in pairs if a != b]


def sentences(task: Task) -> list[str]:
    """What may be said of a task, never more than the numbers do."""
    a, b, label = task.a.label, task.b.label, numbers.label(task.metric)
    told = []
    if task.reason:
        told.append(f"No change can be computed: {task.reason}.")
    elif task.n_same == task.n_runs:
        told.append(f"All {task.n_runs} runs that {a} and {b} share have the very same {label}: nothing has changed.")
    else:
        told.append(f"{task.n_same} of {task.n_runs} runs that {a} and {b} share have the very same {label}.")
        told.append(_largest(max(task.changes, key=lambda change: abs(change.diff)), b))
    compared = task.a.compared and task.b.compared
    both = [key for key in task.a.verdicts if key in task.b.verdicts and key[0] == task.task]
    if changed := turns(task):
        told += [f"The verdict of {turn.variant} is {turn.a} in {a} and {turn.b} in {b}." for turn in changed]
    elif both:
        told.append(f"No verdict differs, of {len(both)}." if len(both) > 1 else "The verdict is the same.")
    elif compared:
        told.append("They share no verdict of this task.")
    return told


def _largest(change: Change, b: str) -> str:
    unit = " points" if change.metric in numbers.FRACTIONS else ""
    size = f"{numbers.difference(change.diff, change.metric)}{unit}"
    if change.low is not None:
        low, high = (numbers.difference(end, change.metric) for end in (change.low, change.high))
        size += f", interval {low} to {high}"
    return f"The largest mean change is that of {change.variant} ({size}; positive where {b} is better)."
