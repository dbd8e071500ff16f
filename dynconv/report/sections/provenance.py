"""Provenance: hardware, versions, commits, hashes, dates, and what to beware of."""

from collections.abc import Iterator, Mapping

from dynconv.report import provenance
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section."""
    context = {
        "facts": provenance.facts(results),
        "hashes": provenance.dataset_hashes(results),
        "period": provenance.period(results),
        "warnings": provenance.warnings(results),
    }
    yield Section("provenance", "Provenance", "provenance.html.j2", context)
