"""Texts in aligned columns for the terminal: thousands of rows in a moment, and nothing cut off in a narrow one."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

_LEAST = 8  # characters below which no column is folded


def columns(
    rows: Sequence[Sequence[str]], right: Sequence[int] = (), width: int | None = None, gap: str = "  "
) -> list[str]:
    """The lines of a table.

    Args:
        rows: equally many texts each.
        right: places of the columns that are aligned to the right.
        width: characters that a line may have; wider rows are folded within their columns, between words if that is
            enough.  None: as wide as needed.
        gap: what stands between columns.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        room = width - len(gap) * (len(widths) - 1)
        _narrow(widths, [max(_longest_word(cell) for cell in column) for column in zip(*rows, strict=True)], room)
        _narrow(widths, [_LEAST] * len(widths), room)
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
            lines.append(gap.join(cells).rstrip())
    return lines


def _narrow(widths: list[int], least: list[int], room: int) -> None:
    """Take from the widest column, again and again, until the columns fit or none is wider than its least."""
    while sum(widths) > room:
        wide = [place for place, width in enumerate(widths) if width > least[place]]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def terminal_width() -> int | None:
    """Characters of a line where people read; None where a program does (a row is one line for `grep`)."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None
