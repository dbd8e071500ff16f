"""What the training sees of each dataset of a task."""

from collections.abc import Mapping

from dynconv.report import samples
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section

INLINE = 12  # a page with the samples of a whole archive would be too heavy to open; the others are linked


def part(results: Results, drawings: Mapping[str, Drawing], task: str, anchor: str) -> Section | None:
    """Contact sheets, where there are any."""
    sheets = samples.sheets(results.folder, results.datasets(task))
    context = {
        "sheets": [samples.read(*sheet) for sheet in [*sheets.items()][:INLINE]],
        "linked": [*sheets][INLINE:],
    }
    return Section(anchor, "Training examples", "samples.html.j2", context) if sheets else None
