"""What the study has cost, by task and variant and in all."""

from collections.abc import Iterator, Mapping

from dynconv.report import spending
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section, where there is a run."""
    if results.runs.empty:
        return
    context = {"rows": spending.spent(results), "total": spending.total(results)}
    yield Section("cost", "What the study has cost", "cost.html.j2", context)
