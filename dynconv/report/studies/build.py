"""The page that holds two or more studies against each other: one file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from dynconv.files import write_text
from dynconv.report.build import page
from dynconv.report.figures import studies as figures
from dynconv.report.figures.palette import styles
from dynconv.report.studies.changes import task_changes
from dynconv.report.studies.sections import sections
from dynconv.report.studies.side import sides, tasks, variants

OUT = Path("comparison.html")  # in the current folder: the page belongs to none of the studies


def build(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write the page to `out` (default: `comparison.html`); A, the first folder, is what the others are held against.

    The same tables in the same folders give the same bytes.

    Raises:
        DynconvError: a folder has no runs table, a table is unreadable, or the page cannot be written.
    """
    found, out = sides(folders), out or OUT
    names, (first, *others) = variants(found), found
    style = styles(names)
    changes = [task_changes(first, other, task, names) for other in others for task in tasks(found)]
    drawings = {drawing.name: drawing for drawing in figures.drawings(changes, style)}
    parts = list(sections(found, changes, drawings))
    write_text(out, page("studies.html.j2", parts, {"styles": style}, sides=found))
    return out
