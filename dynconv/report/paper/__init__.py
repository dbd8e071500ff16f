"""The report for a paper: tables as LaTeX and CSV, a methods text with its BibTeX, and a list of what the folder holds.

`table` says what a table is, before it is LaTeX (`latex`) or CSV; `means`, `pairs`, `cost`, `across` and `coverage`
fill them; `methods` writes the text, which `prose` turns into LaTeX or HTML; `bibliography` holds what it may cite;
`document` puts all of it on paper; `contents` lists the folder; `files` writes.
"""

from dynconv.report.paper.files import write

__all__ = ["write"]
