"""What was run and tested, in the words of a paper; how to read the report, and where its tables are."""

from collections.abc import Iterator, Mapping

from dynconv.records import TABLES
from dynconv.report.figures.drawing import Drawing
from dynconv.report.paper import methods, prose
from dynconv.report.results import PATHS, Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section."""
    paragraphs = methods.paragraphs(results)
    text = {"text": prose.html(paragraphs), "references": prose.references(paragraphs)}
    tables = [(PATHS[name], TABLES[name].doc, n, TABLES[name].keys[0]) for name, n in results.rows.items()]
    parts = (
        Section(
            "reading",
            "How to read this",
            "reading.html.j2",
            {
                "alpha": results.alpha,
                "declared": bool(results.plan.get("followed")),
            },
        ),
        Section("files", "Files", "files.html.j2", {"tables": tables}),
    )
    yield Section("methods", "Methods", "methods.html.j2", text, parts)
