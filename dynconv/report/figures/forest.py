"""The forest plot: every variant's difference to the control, task under task, each in its own units."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.figures.drawing import Drawing, draw
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.results import Results
from dynconv.report.verdicts import Verdict, verdicts

NAME = "forest"
# Inches: of the figure, left and right of the axes, above and below them, of a variant.
_WIDTH, _LEFT, _RIGHT, _ABOVE, _BELOW, _ROW = 4.2, 1.35, 0.12, 0.3, 0.5, 0.27


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure, where some variant has a difference to the control."""
    found = [v for v in verdicts(results) if v.diff is not None]
    if found:
        yield _drawing(results, found)


def _drawing(results: Results, found: list[Verdict]) -> Drawing:
    panels = {task: [v for v in found if v.task == task] for task in results.tasks}
    panels = {task: rows for task, rows in panels.items() if rows}
    style, control = styles(results.variants), numbers.shorten(found[0].control, 16)
    ropes = {task: results.rope(task) for task in panels}

    def plot(figure: Figure) -> None:
        height = sum(_ABOVE + _ROW * len(rows) + _BELOW for rows in panels.values())
        figure.set_size_inches(_WIDTH, height)
        top = height
        for task, rows in panels.items():
            own = _ROW * len(rows)
            top -= _ABOVE + own
            ax = figure.add_axes((_LEFT / _WIDTH, top / height, 1 - (_LEFT + _RIGHT) / _WIDTH, own / height))
            top -= _BELOW
            _panel(ax, task, rows, ropes[task], style)
            ax.set_xlabel(f"difference to {control}{' (points)' if rows[0].metric in numbers.FRACTIONS else ''}")

    said = "; ".join(
        f"{task}: "
        + ", ".join(
            f"{v.variant} {numbers.difference(v.diff, v.metric)} {numbers.interval(v.ci_low, v.ci_high, v.metric)}"
            f" {v.verdict}"
            for v in rows
        )
        for task, rows in panels.items()
    )
    caption = (
        "Difference to the control with its interval, task by task, each in its own units: tasks are never pooled."
        " Right of 0: better."
        " A filled mark is a verdict of superior, inferior or equivalent; a hollow one is inconclusive."
    )
    if any(ropes.values()):
        caption += " The band is the region of practical equivalence."
    return draw(NAME, f"Forest plot of differences to {control}. {said}.", caption, plot)


def _panel(ax: Axes, task: str, rows: list[Verdict], rope: float | None, style: dict[str, Style]) -> None:
    factor = numbers.scale(rows[0].metric)
    if rope:
        ax.axvspan(-rope * factor, rope * factor, color=light("rule"), alpha=0.6, lw=0, zorder=0)
    ax.axvline(0, color=light("muted"), lw=0.9, zorder=1)
    for place, v in enumerate(rows):
        look, diff = style[v.variant], (v.diff or 0.0) * factor
        if v.ci_low is not None and v.ci_high is not None:
            ax.plot([v.ci_low * factor, v.ci_high * factor], [place, place], color=look.colour, lw=1.6, zorder=3)
        open_ = v.verdict == "inconclusive"
        fill: dict[str, Any] = {"mfc": "none", "mew": 1.4} if open_ else {}
        ax.plot(diff, place, color=look.colour, marker=look.marker, ms=6.5, ls="", zorder=4, **fill)
    ax.set_yticks(range(len(rows)), [numbers.shorten(v.variant, 16) for v in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_title(f"{numbers.shorten(numbers.task_title(task), 30)}: {numbers.label(rows[0].metric)}")
