"""The learning curves of a task."""

from collections.abc import Mapping

from dynconv.report.figures import learning_curves
from dynconv.report.figures.drawing import Drawing, file_name
from dynconv.report.results import Results
from dynconv.report.sections.section import Section

_OPEN = 2  # figures that are shown at once; the others are folded


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section:
    """The curves of all datasets, the first ones unfolded."""
    prefix = file_name(learning_curves.NAME, task)
    found = [drawing for name, drawing in drawings.items() if name.rpartition("-")[0] == prefix]
    return Section(anchor, "Learning curves", "curves.html.j2", {"figures": found[:_OPEN], "folded": found[_OPEN:]})
