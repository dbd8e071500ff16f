"""Texts in aligned columns for the terminal: thousands of rows in a moment, and nothing cut off in a narrow one."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

_LEAST = 8  # characters below which no column is folded
_GAP = "  "


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), width: int | None = None) -> list[str]:
    """The lines of a table.

    Args:
        rows: equally many texts each.
        right: places of the columns that are aligned to the right.
        width: characters that a line may have; wider rows are folded within their columns.  None: as wide as needed.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = None if width is None else width - len(_GAP) * (len(widths) - 1)
    while room is not None and sum(widths) > room and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in rows:
        if all(len(cell) <= w for cell, w in zip(row, widths, strict=True)):
            parts = [tuple(row)]
        else:
            folded = [
                textwrap.wrap(cell, w, break_on_hyphens=False) or [""] for cell, w in zip(row, widths, strict=True)
            ]
            parts = list(zip_longest(*folded, fillvalue=""))
        for part in parts:
            cells = [
                cell.rjust(w) if place in right else cell.ljust(w)
                for place, (cell, w) in enumerate(zip(part, widths, strict=True))
            ]
            lines.append(_GAP.join(cells).rstrip())
    return lines


def terminal_width() -> int | None:
    """Characters of a line where people read; None where a program does (a row is one line for `grep`)."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None
