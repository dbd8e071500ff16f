"""What the dynamic kernels do: does a kernel depend on the example, how many are there, how are they used?"""

from collections.abc import Iterator, Mapping

from dynconv.report import dynamics
from dynconv.report.figures.drawing import Drawing
from dynconv.report.figures.dynamics import NAME
from dynconv.report.results import Results
from dynconv.report.sections.section import Section

# quantity -> (heading, explanation)
COLUMNS = {
    "entropy": ("Entropy", "of the attention, over the largest possible; 1: undecided"),
    "example_share": ("Across examples", "share of the attention's variation that a constant attention could not have"),
    "usage_entropy": (
        "Kernel balance",
        "entropy of the mean kernel attention, over the largest possible; 0: one kernel",
    ),
    "information": ("Information", "between example and kernel, over the largest possible; 0: all examples mix alike"),
    "variation": ("Kernel variation", "share of the mixed kernels' mean square that differs between examples"),
    "effective_rank": ("Effective rank", "of the kernels of up to 16 examples; 1: one kernel"),
}


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section, where some run that ended well has diagnostics of an attention."""
    found = results.dynamics
    table = None if found is None else dynamics.last(found)
    figures = [drawing for name, drawing in drawings.items() if name.startswith(f"{NAME}-")]
    if table is None or (table.empty and not figures):
        return
    columns = [name for name in COLUMNS if name in table]
    order = {variant: place for place, variant in enumerate(results.variants)}
    rows = [
        (task, variant, {name: row[name] for name in columns})
        for (task, variant), row in sorted(
            table[columns].dropna(how="all").iterrows(), key=lambda item: order[item[0][1]]
        )
    ]
    context = {
        "tasks": [task for task in results.tasks if any(of == task for of, *_ in rows)],
        "rows": rows,
        "columns": {name: COLUMNS[name] for name in columns},
        "figures": figures,
    }
    yield Section("dynamics", "What the dynamic kernels do", "dynamics.html.j2", context)
