"""The search: its budget, the same for every variant, its cost beside that of the training, and its choices."""

from collections.abc import Iterator, Mapping

from dynconv.report import tuning
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section, where the study has searched."""
    if results.choices.empty:
        return
    context = {
        "tune": results.study.tune if results.study else None,
        "budgets": tuning.budgets(results),
        "choices": tuning.choices(results),
    }
    yield Section("tuning", "Tuning", "tuning.html.j2", context)
