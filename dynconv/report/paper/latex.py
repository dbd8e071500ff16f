r"""A table as LaTeX: booktabs, over several pages where it is long, in several parts where it is wide.

The text needs `booktabs` and `longtable` and nothing else, compiles with pdfTeX, in T1 or OT1, and is meant for a line
of 16 cm.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from dynconv.report.paper.table import Cell, Column, Table

_LINE = 455.0  # points: 16 cm, an A4 page with margins of 2.5 cm
_SEPARATION = 4.0  # points on either side of a column
_SIZES = {"small": 9.25, "footnotesize": 8.5, "scriptsize": 8.0}  # points of an em
_EMS = {  # of Computer Modern's letters; else half an em, or three quarters for capitals and what is not ASCII
    **dict.fromkeys("ijl .,:;'[]!|", 0.28),
    **dict.fromkeys("rstfI-()/_", 0.39),
    **dict.fromkeys("bdhknpquvxy", 0.56),
    **dict.fromkeys("mwMW%#&@", 0.9),
    **dict.fromkeys("+=<>\u2212\u00b1\u00d7\u2248", 0.78),
}
_CODE_POINT = 4.0  # ems of what stands for a character that cannot be set
_PROSE = 20.0  # ems to a line of a column of prose
_PAGE = 38  # rows that a page has room for
_BREAK = 8  # characters of an endless word after which its line may break

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': r"\char34{}",  # babel makes the bare one a command in some languages
    "`": r"\char96{}",
    "[": "{[}",  # after \\ or \item a bare one would start an option
    "]": "{]}",
    "*": "{*}",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u2014": "---",
    "\u2026": r"\ldots{}",
    "\u00d7": r"$\times$",
    "\u00b1": r"$\pm$",
    "\u2248": r"$\approx$",
    "\u2265": r"$\geq$",
    "\u2264": r"$\leq$",
    "\u0394": r"$\Delta$",
    "\u03b1": r"$\alpha$",
    "\u202f": r"\,",
    "\u00a0": "~",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2192": r"$\rightarrow$",
    "\u00b7": r"$\cdot$",
    "\u00df": r"\ss{}",
    "\u00f8": r"\o{}",
    "\u00d8": r"\O{}",
    "\u00e6": r"\ae{}",
    "\u00c6": r"\AE{}",
    "\u0142": r"\l{}",
    "\u0141": r"\L{}",
    "\u03bc": r"$\mu$",
    "\u00b5": r"$\mu$",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
    "\u0328": "k",
}


def escape(text: str) -> str:
    """Any text as LaTeX that typesets it; a character that pdfTeX cannot set is shown as its code point, U+...."""
    text = " ".join("".join(c if c.isprintable() or c == "\u202f" else " " for c in text).split(" ")).strip()
    out = "".join(_character(c) for c in unicodedata.normalize("NFC", text))
    return out.replace("?`", "?{}`").replace("!`", "!{}`")


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c == "-":
        return "-{}"  # two of them would be a dash
    if c.isascii():
        return c
    base, marks = (parts := unicodedata.normalize("NFD", c))[0], parts[1:]
    if len(marks) == 1 and base.isascii() and base.isalpha() and marks in _ACCENTS:
        base = {"i": r"\i", "j": r"\j"}.get(base, base)
        return f"\\{_ACCENTS[marks]}{{{base}}}"
    return f"{{[}}U+{ord(c):04X}{{]}}"


def breakable(text: str) -> str:
    """The same, but words without an end may be broken between lines."""
    words = re.findall(r"\s+|\S+", text)
    return "".join(
        r"\allowbreak{}".join(escape(word[at : at + _BREAK]) for at in range(0, len(word), _BREAK))
        if len(word) > 2 * _BREAK
        else (" " if word.isspace() else escape(word))
        for word in words
    )


def render(table: Table) -> str:
    """The file of a table."""
    parts = list(_parts(table))
    bodies = [_long(part) if len(part.rows) > _PAGE else _float(part) for part in parts]
    return f"{heading(table.sources)}% Needs \\usepackage{{booktabs,longtable}}.\n" + "\n".join(bodies)


def heading(sources: tuple[str, ...]) -> str:
    """The comment at the top of a file: where its numbers come from."""
    return f"% Made by `dynconv report` from {', '.join(sources)}.\n"


def _parts(table: Table) -> Iterator[Table]:
    """The table, or where it is too wide in any size, as many as its columns need, each with its first ones."""
    widths = [_width(table, place) for place in range(len(table.columns))]
    size = min(_SIZES.values())
    room = _LINE - sum(w * size + 2 * _SEPARATION for w in widths[: table.keep])
    groups: list[list[int]] = [[]]
    used = 0.0
    for place in range(table.keep, len(widths)):
        needs = widths[place] * size + 2 * _SEPARATION
        if groups[-1] and used + needs > room:
            groups.append([])
            used = 0.0
        groups[-1].append(place)
        used += needs
    for number, group in enumerate(groups, 1):
        places = [*range(table.keep), *group]
        yield replace(
            table,
            name=table.name + (f"-{number}" if len(groups) > 1 else ""),
            caption=table.caption + (f" (Part {number} of {len(groups)}.)" if len(groups) > 1 else ""),
            columns=tuple(table.columns[place] for place in places),
            rows=[[row[place] for place in places] for row in table.rows],
        )


def _width(table: Table, place: int) -> float:
    """Ems of the widest cell of a column, about."""
    column = table.columns[place]
    longest = max([_ems(Cell(column.heading, mark=column.mark)), *(_ems(row[place]) for row in table.rows)])
    return min(longest, _PROSE) if column.prose else longest


def _ems(cell: Cell) -> float:
    width = sum(_EMS.get(c) or (0.75 if c.isupper() else 0.5 if c.isascii() else _wide(c)) for c in cell.text)
    return width * (1.15 if cell.bold else 1.0) + 0.6 * len(cell.mark)


def _wide(c: str) -> float:
    return _CODE_POINT if "U+" in _character(c) else 0.75


def _size(table: Table) -> str:
    for size, points in _SIZES.items():
        if sum(_width(table, n) * points + 2 * _SEPARATION for n in range(len(table.columns))) <= _LINE:
            return size
    return min(_SIZES, key=_SIZES.__getitem__)


def _setting(table: Table) -> str:
    return f"\\{_size(table)}\n\\setlength{{\\tabcolsep}}{{{_SEPARATION:g}pt}}\n"


def _columns(table: Table) -> str:
    return "".join(_column(column, table) for column in table.columns)


def _column(column: Column, table: Table) -> str:
    if column.prose:
        return f"p{{{_PROSE * _SIZES[_size(table)]:.0f}pt}}"
    return "r" if column.numeric else "l"


def _float(table: Table) -> str:
    return (
        "\\begin{table}[htbp]\n\\centering\n"
        f"\\caption{{{breakable(table.caption)}}}\n\\label{{tab:{table.name}}}\n{_setting(table)}"
        f"\\begin{{tabular}}{{{_columns(table)}}}\n\\toprule\n{_head(table)}\\midrule\n{_body(table)}"
        f"\\bottomrule\n\\end{{tabular}}\n{_notes(table)}\\end{{table}}\n"
    )


def _long(table: Table) -> str:
    n = len(table.columns)
    return (
        f"\\begingroup\n{_setting(table)}\\begin{{longtable}}{{{_columns(table)}}}\n"
        f"\\caption{{{breakable(table.caption)}}}\\label{{tab:{table.name}}}\\\\\n"
        f"\\toprule\n{_head(table)}\\midrule\n\\endfirsthead\n\\toprule\n{_head(table)}\\midrule\n\\endhead\n"
        f"\\midrule\n\\multicolumn{{{n}}}{{r}}{{continued on the next page}} \\\\\n"
        "\\endfoot\n\\bottomrule\n\\endlastfoot\n"
        f"{_body(table)}\\end{{longtable}}\n{_notes(table)}\\endgroup\n"
    )


def _head(table: Table) -> str:
    cells = [_cell(Cell(column.heading, mark=column.mark), column) for column in table.columns]
    return " & ".join(cells) + " \\\\\n"


def _body(table: Table) -> str:
    lines = []
    for place, row in enumerate(table.rows):
        if place and (place in table.breaks or place in table.groups):
            lines.append("\\midrule\n")
        if place in table.groups:
            group = f"\\textit{{{escape(table.groups[place])}}}"
            lines.append(f"\\multicolumn{{{len(table.columns)}}}{{l}}{{{group}}} \\\\\n")
        lines.append(" & ".join(_cell(c, column) for c, column in zip(row, table.columns, strict=True)) + " \\\\\n")
    return "".join(lines)


def _cell(cell: Cell, column: Column) -> str:
    text = breakable(cell.text) if column.prose else escape(cell.text)
    if cell.bold:
        text = f"\\textbf{{{text}}}"
    return text + (f"\\textsuperscript{{{escape(cell.mark)}}}" if cell.mark else "")


def _notes(table: Table) -> str:
    notes = [breakable(note) for note in table.notes]
    if table.full:
        notes.append("Names cut: " + "; ".join(f"{escape(s)} is {breakable(f)}" for s, f in table.full.items()) + ".")
    if not notes:
        return ""
    return (
        "\\par\\smallskip\\noindent\n\\begin{minipage}{\\linewidth}\\footnotesize\n"
        + "\n".join(notes)
        + "\n\\end{minipage}\n"
    )
