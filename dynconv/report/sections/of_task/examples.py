"""What each variant predicted for a few test examples of each dataset of a task."""

from collections.abc import Mapping

from dynconv.report import examples
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section | None:
    """The examples, where they have been written."""
    found = examples.of_task(results, task)
    return Section(anchor, "Predictions on test examples", "examples.html.j2", {"examples": found}) if found else None
