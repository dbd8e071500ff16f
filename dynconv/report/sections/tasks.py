"""One section a task: means, comparison, cost, learning curves, examples."""

import re
from collections.abc import Iterator, Mapping

from dynconv.report import numbers
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.of_task import comparison, cost, curves, examples, means, samples
from dynconv.report.sections.section import Section

PARTS = (means, comparison, cost, curves, examples, samples)


def anchor(task: str) -> str:
    """The anchor of a task's section."""
    return f"task-{re.sub(r'[^A-Za-z0-9]+', '-', task)}"


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """A section for every task that some table mentions."""
    for task in results.tasks:
        found = [module.part(results, drawings, task, f"{anchor(task)}-{name(module)}") for module in PARTS]
        yield Section(anchor(task), numbers.task_title(task), parts=tuple(part for part in found if part))


def name(module) -> str:
    """The last word of a module's name."""
    return module.__name__.rpartition(".")[2]
