r"""`tables.tex`: every table, figure and the methods text in one document, to look at before anything is cut out of it.

pdflatex tables; bibtex tables; pdflatex tables; pdflatex tables
"""

from collections.abc import Mapping
from pathlib import Path

from dynconv.report.paper.latex import breakable, escape, heading
from dynconv.report.paper.table import Table
from dynconv.report.results import Results

_TOGETHER = 6  # floats that LaTeX is given before it must set them

_PREAMBLE = r"""% pdflatex tables; bibtex tables; pdflatex tables; pdflatex tables
\documentclass[a4paper]{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage{booktabs,longtable,graphicx}
\setlength{\emergencystretch}{3em}
"""


def render(results: Results, tables: list[Table], figures: list[Path], captions: Mapping[str, str]) -> str:
    """The document; `figures` are PDF files of the folder `figures/`, `captions` are theirs, by their stem."""
    title = f"Results of {breakable(results.study.name)}" if results.study else "Results"
    body = [
        f"\\title{{{title}}}\n\\author{{dynconv}}\n\\date{{}}\n",
        "\\begin{document}\n\\maketitle\n\\section{Methods}\n\\input{methods}\n\\section{Tables}\n",
    ]
    body += _spread([f"\\input{{{table.name}}}\n" for table in tables])
    if figures:
        body += ["\\clearpage\n\\section{Figures}\n", *_spread([_figure(file, captions) for file in figures])]
    body.append("\\clearpage\n\\bibliographystyle{unsrt}\n\\bibliography{references}\n\\end{document}\n")
    return heading(("the other files here",)) + _PREAMBLE + "".join(body)


def _spread(floats: list[str]) -> list[str]:
    return [text + "\\clearpage\n" * (place % _TOGETHER == 0) for place, text in enumerate(floats, 1)]


def _figure(file: Path, captions: Mapping[str, str]) -> str:
    caption = breakable(captions.get(file.stem, "")) or escape(file.stem)
    return (
        "\\begin{figure}[htbp]\n\\centering\n"
        f"\\includegraphics[width=0.7\\linewidth,height=0.8\\textheight,keepaspectratio]{{../figures/{file.name}}}\n"
        f"\\caption{{{caption}}}\n\\label{{fig:{file.stem}}}\n\\end{{figure}}\n"
    )
