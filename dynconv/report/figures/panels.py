"""Many small panels in one pair of axes, placed and scaled by hand: a tenth of the time of that many axes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report.figures.layout import SMALL, WIDTH
from dynconv.report.figures.palette import light

# Inches: of a panel's plot, the room for its title and tick labels, and between columns.
_HEIGHT, _ABOVE, _BELOW, _LEFT, _RIGHT, _GAP = 0.82, 0.2, 0.2, 0.34, 0.06, 0.3


@dataclass(frozen=True)
class Panel:
    """A plot with its lower left corner at (`left`, `bottom`) inches, and what its axes span."""

    left: float
    bottom: float
    width: float
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Data as inches."""
        return (
            self.left + (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0]) * self.width,
            self.bottom + (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0]) * _HEIGHT,
        )


def canvas(figure: Figure, count: int, columns: int, *, head: float, foot: float) -> Axes:
    """Axes in inches over a whole figure that has room for `count` panels, between `head` and `foot`."""
    total = head + math.ceil(count / columns) * (_ABOVE + _HEIGHT + _BELOW) + foot
    figure.set_size_inches(WIDTH, total)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(-total + head, head)
    return axes


def panel(axes: Axes, place: int, columns: int, title: str, x: tuple[float, float], y: tuple[float, float]) -> Panel:
    """The panel at `place`, in reading order, with its title, grid and whole-numbered ticks across."""
    row, column = divmod(place, columns)
    width = (WIDTH - _LEFT - _RIGHT - _GAP * (columns - 1)) / columns
    bottom = -(row + 1) * (_ABOVE + _HEIGHT + _BELOW) + _BELOW
    found = Panel(_LEFT + column * (width + _GAP), bottom, width, x, y)
    xs, ys = _ticks(x, 4, integer=True), _ticks(y, 3)
    across, up = found.place(xs, np.full(len(xs), y[0]))[0], found.place(np.full(len(ys), x[0]), ys)[1]
    right, top = found.left + width, bottom + _HEIGHT
    grid = [[(a, bottom), (a, top)] for a in across] + [[(found.left, u), (right, u)] for u in up]
    axes.add_artist(LineCollection(grid, colors=light("rule"), linewidths=0.5, zorder=0))
    muted: dict[str, Any] = {"fontsize": SMALL - 0.5, "color": light("muted")}
    for at, words in zip(across, _words(xs), strict=True):
        axes.text(at, bottom - 0.04, words, ha="center", va="top", **muted)
    for at, words in zip(up, _words(ys), strict=True):
        axes.text(found.left - 0.04, at, words, ha="right", va="center_baseline", **muted)
    axes.text(found.left, top + 0.05, title, fontsize=SMALL, va="baseline")
    return found


def _ticks(ends: tuple[float, float], most: int, *, integer: bool = False) -> np.ndarray:
    ticks = np.asarray(MaxNLocator(most, integer=integer).tick_values(*ends))
    return ticks[(ticks >= ends[0]) & (ticks <= ends[1])]


def _words(ticks: np.ndarray) -> list[str]:
    """Tick labels with as many decimals as all of them need."""
    words = [f"{tick:.10g}" for tick in ticks]
    decimals = max((len(word.partition(".")[2]) for word in words if "e" not in word), default=0)
    return [word if "e" in word else f"{tick:.{decimals}f}" for tick, word in zip(ticks, words, strict=True)]
