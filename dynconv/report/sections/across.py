"""All tasks side by side: the forest plot, and which variant is better on every one of them."""

from collections.abc import Iterator, Mapping

from dynconv.report.figures import forest
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section, where there is a forest plot to show or a claim about all tasks to judge."""
    claims = results.crosstask[results.crosstask["task"] == "all"]
    order = {variant: place for place, variant in enumerate(results.variants)}
    rows = sorted(claims.to_dict("records"), key=lambda row: order.get(row["variant"], len(order)))
    figure = drawings.get(forest.NAME)
    if figure or rows:
        yield Section("across", "Across tasks", "across.html.j2", {"figure_": figure, "claims": rows})
