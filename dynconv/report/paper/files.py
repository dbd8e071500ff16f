"""Writing: `latex/`, `csv/` and `CONTENTS.md` of a results folder."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dynconv.files import write_text
from dynconv.report.paper import (
    across,
    bibliography,
    contents,
    cost,
    coverage,
    document,
    latex,
    means,
    methods,
    pairs,
    prose,
)
from dynconv.report.results import PLAN, STUDY, Results

TABLES = (across, means, pairs, cost, coverage)


def write(results: Results, folder: Path, captions: Mapping[str, str] | None = None) -> list[Path]:
    """Write every table as LaTeX and CSV, the methods text with its BibTeX, and `CONTENTS.md`; the same tables give the
    same bytes.

    Call it last: the figures' PDF files that are in `folder/figures` by then are part of the document, and the contents
    tell the size of each file.

    Args:
        results: what the report is of.
        folder: where to write, as a rule the results folder.
        captions: of the report's figures, by the stem of their files.

    Returns:
        The files, in the order in which they were written.

    Raises:
        DynconvError: a table is unreadable, or a file cannot be written.
    """
    folder, captions = Path(folder), dict(captions or {})
    tables = [table for module in TABLES for table in module.tables(results)]
    text = methods.paragraphs(results)
    figures = sorted((folder / "figures").glob("*.pdf"))
    if captions:  # then others there are of an earlier report
        figures = [file for file in figures if file.stem in captions]
    files = {folder / "latex" / f"{table.name}.tex": latex.render(table) for table in tables}
    files[folder / "latex/methods.tex"] = latex.heading(_sources(results)) + prose.latex(text)
    files[folder / "latex/references.bib"] = bibliography.bibtex(prose.cited(text))
    files[folder / "latex/tables.tex"] = document.render(results, tables, figures, captions)
    for table in tables:
        for name, frame in table.data.items():
            files[folder / "csv" / f"{name}.csv"] = _csv(frame)
            captions.setdefault(name, table.caption)
    for path, content in files.items():
        write_text(path, content)
    captions |= {table.name: table.caption for table in tables}
    write_text(folder / contents.NAME, contents.render(results, files, captions))
    return [*files, folder / contents.NAME]


def _sources(results: Results) -> tuple[str, ...]:
    return (
        "tables/*.parquet",
        "stats/*.parquet",
        *((PLAN,) if results.plan else ()),
        *((STUDY,) if results.study else ()),
    )


def _csv(frame: pd.DataFrame) -> str:
    """One header line, one line a row, every digit."""
    return frame.to_csv(index=False, lineterminator="\n")
