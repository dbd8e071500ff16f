"""`CONTENTS.md`: what each file of the results folder is, how large, and which command makes it: what is there."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from dynconv.records import TABLES
from dynconv.report import numbers
from dynconv.report.results import PATHS, PLAN, STUDY, Results

NAME = "CONTENTS.md"
_MADE_BY = {"tables": "dynconv collect", "stats": "dynconv compare"}
_FOLDERS = {  # what is too many files to be listed one by one
    "runs": ("each run's own tables, one folder a run", "dynconv train"),
    "profile": ("what each network costs, one file a dataset and variant", "dynconv profile"),
    "samples": ("training examples of each dataset, stored and augmented (SVG)", "dynconv samples"),
    "tuning": ("trials and choices of the search", "dynconv tune, dynconv choose"),
    "failures": ("what is known of each job that was lost (JSON)", "dynconv train, dynconv fail"),
}
_FILES = {
    STUDY: ("the study: what was to be run and tested", "Snakemake, a copy of the study's file"),
    PLAN: ("the analysis plan that was followed, and what deviates from it (JSON)", "dynconv compare"),
    "report.html": ("the report: one page that needs nothing else", "dynconv report"),
    "README.md": ("what a results folder is", "comes with the project"),
}
_LATEX = {
    "methods.tex": "what was run and tested, as text with citations",
    "references.bib": "BibTeX of exactly what it cites",
    "tables.tex": "a document of all tables, figures and the methods: pdflatex, bibtex, pdflatex, pdflatex",
}


def render(results: Results, written: Iterable[Path], captions: dict[str, str]) -> str:
    """The file's text.

    Args:
        results: the folder.
        written: files of `latex/` and `csv/` that this report has written; others there are of an earlier one.
        captions: of tables, by the stem of their LaTeX or CSV file, and of figures, by theirs.
    """
    own = {path.resolve() for path in written}
    lines = [
        "# What is in this folder",
        "",
        "Made by `dynconv report`, anew each time. Rows are those of a table; a folder of many files has one line.",
        "",
        "| file | what it is | rows | bytes | made by |",
        "|---|---|---:|---:|---|",
        *_rows(results, own, captions),
    ]
    return "\n".join(lines) + "\n"


def _rows(results: Results, own: set[Path], captions: dict[str, str]) -> Iterator[str]:
    folder = results.folder
    for name in ("report.html", STUDY, "README.md"):
        if (folder / name).is_file():
            yield _row(name, _FILES[name][0], None, (folder / name).stat().st_size, _FILES[name][1])
    for name, path in PATHS.items():
        if (folder / path).is_file():
            size = (folder / path).stat().st_size
            yield _row(path, TABLES[name].doc, results.rows.get(name), size, _MADE_BY[path.partition("/")[0]])
    if (folder / PLAN).is_file():
        yield _row(PLAN, _FILES[PLAN][0], None, (folder / PLAN).stat().st_size, _FILES[PLAN][1])
    for file in _files(folder / "figures"):
        what = captions.get(file.stem, "a figure of the report") if file.suffix == ".svg" else "the same as above"
        yield _row(f"figures/{file.name}", what, None, file.stat().st_size, "dynconv report")
    for kind in ("latex", "csv"):
        for file in _files(folder / kind):
            what = _LATEX.get(file.name) or captions.get(file.stem, "a table")
            if file.resolve() not in own:
                what = "not of this report: left by an earlier one, or somebody's own"
            rows = _csv_rows(file) if kind == "csv" else None
            yield _row(f"{kind}/{file.name}", what, rows, file.stat().st_size, "dynconv report")
    for name, (what, command) in _FOLDERS.items():
        if (folder / name).is_dir():
            yield _row(f"{name}/", what, len(results.runs) if name == "runs" else None, None, command)


def _files(folder: Path) -> list[Path]:
    """The folder's files, each SVG before the PDF of the same figure; hidden ones are Snakemake's."""
    found = (
        [file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
        if folder.is_dir()
        else []
    )
    return sorted(found, key=lambda file: (file.stem, -ord(file.suffix[1:2] or " ")))


def _csv_rows(file: Path) -> int:
    import csv

    with file.open(newline="", encoding="utf-8") as lines:
        return max(0, sum(1 for _ in csv.reader(lines)) - 1)


def _row(name: str, what: str, rows: int | None, size: int | None, command: str) -> str:
    made = ", ".join(f"`{part}`" if part.startswith("dynconv ") else part for part in command.split(", "))
    cells = (f"`{name}`", _plain(what), _number(rows), _number(size), made)
    return f"| {' | '.join(cells)} |"


def _number(number: int | None) -> str:
    return numbers.NONE if number is None else f"{number:,}".replace(",", " ")


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: names of users stand in captions."""
    text = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`|<>*_[]&" else c for c in text)
