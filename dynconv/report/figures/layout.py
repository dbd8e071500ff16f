"""Where the axes and the key of a figure stand, in inches.

Places are fixed: matplotlib's own layouts take longer than the drawing, and differ in the last bits from one drawing to
the next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynconv.report import numbers
from dynconv.report.figures.palette import Style, light

WIDTH = 4.2  # of every figure: as wide as a phone, so that its text is legible there without zooming
SMALL = 7.0  # points: type of small multiples
_ROW, _HANDLE, _SIZE = 0.185, 0.3, 7.6  # of the key: height of a row, width of its mark, points of its type
_LABEL = 16  # characters: what a third of the width has room for


@dataclass(frozen=True)
class Entry:
    """A line of the key: its words and how its mark is drawn."""

    words: str
    mark: dict[str, Any]


def entry(variant: str, style: Style, *, line: bool = True) -> Entry:
    """The key's entry of a variant."""
    look = {"color": style.colour, "marker": style.marker, "ms": 4.5, "ls": "-" if line else "", "lw": 1.4}
    return Entry(numbers.shorten(variant, 20), look)


def single(
    figure: Figure,
    height: float = 2.3,
    *,
    left: float = 0.6,
    right: float = 0.12,
    above: float = 0.3,
    below: float = 0.5,
) -> Axes:
    """One plot, `height` inches high, as wide as the figure but for the margins."""
    return panels(figure, 1, 1, height=height, left=left, right=right, above=above, below=below)[0]


def panels(
    figure: Figure,
    count: int,
    columns: int,
    *,
    height: float,
    left: float,
    right: float,
    above: float,
    below: float,
    gap: float = 0.0,
    head: float = 0.0,
    foot: float = 0.0,
) -> list[Axes]:
    """`count` plots in rows of `columns`, in reading order.

    Args:
        figure: an empty figure; it gets the size that is needed.
        count: of plots.
        columns: plots in a row.
        height: of a plot.
        left: room left of all plots, for the first column's tick labels.
        right: room right of all plots.
        above: room above each plot, for its title.
        below: room below each plot, for its tick labels.
        gap: room between columns.
        head: room above all plots.
        foot: room below all plots.
    """
    rows = math.ceil(count / columns)
    total = head + rows * (above + height + below) + foot
    width = (WIDTH - left - right - gap * (columns - 1)) / columns
    figure.set_size_inches(WIDTH, total)
    found = []
    for place in range(count):
        row, column = divmod(place, columns)
        x, y = left + column * (width + gap), total - head - row * (above + height + below) - above - height
        found.append(figure.add_axes((x / WIDTH, y / total, width / WIDTH, height / total)))
    return found


def key(figure: Figure, entries: Sequence[Entry]) -> None:
    """A key below all that is drawn, in as many columns as its words leave room for; the figure grows by it."""
    columns = 3 if max(len(e.words) for e in entries) <= _LABEL else 2
    rows = math.ceil(len(entries) / columns)
    own = rows * _ROW + 0.1
    grow(figure, own)
    total = figure.get_figheight()
    axes = figure.add_axes((0, 0, 1, own / total))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, own)
    pitch = (WIDTH - 0.1) / columns
    for place, e in enumerate(entries):
        row, column = divmod(place, columns)
        x, y = 0.1 + column * pitch, own - (row + 0.5) * _ROW
        axes.plot([x, x + _HANDLE / 2, x + _HANDLE], [y] * 3, markevery=[1], **e.mark)
        axes.text(x + _HANDLE + 0.07, y, e.words, va="center_baseline", fontsize=_SIZE)


def grow(figure: Figure, inches: float) -> None:
    """Make room at the bottom; what is there keeps its size and its distance from the top."""
    before = figure.get_figheight()
    total = before + inches
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, (box.y0 * before + inches) / total, box.width, box.height * before / total))
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position((x, (y * before + inches) / total))
    figure.set_figheight(total)


def small(axes: Axes, title: str) -> None:
    """Type and ticks of a small multiple."""
    axes.tick_params(labelsize=SMALL - 0.5, length=2, pad=2)
    axes.set_title(title, fontsize=SMALL, pad=3)


def heading(figure: Figure, words: str) -> None:
    """A title over all small multiples; `head` is its room."""
    figure.text(0.05 / WIDTH, 1 - 0.05 / figure.get_figheight(), words, fontsize=9.5, va="top")


def across(figure: Figure, words: str) -> None:
    """A label of the horizontal axes of all small multiples; `foot` is its room."""
    total = figure.get_figheight()
    figure.text(0.5, 0.05 / total, words, ha="center", va="bottom", fontsize=8, color=light("muted"))
