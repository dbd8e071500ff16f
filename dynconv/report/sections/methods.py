"""How to read the report, and where its tables are."""

from collections.abc import Iterator, Mapping

from dynconv.records import TABLES
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import PATHS, Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section."""
    tables = [(PATHS[name], TABLES[name].doc, n, TABLES[name].keys[0]) for name, n in results.rows.items()]
    analysis = results.study.analysis if results.study else None
    yield Section(
        "methods", "How to read this", "methods.html.j2", {"tables": tables, "analysis": analysis, "plan": results.plan}
    )
