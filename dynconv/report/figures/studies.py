"""One study against another: each dataset's mean before and after, on the diagonal where nothing has changed."""

from collections.abc import Iterator, Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, light
from dynconv.report.studies.changes import Task

NAME = "studies"
_HEIGHT = 3.4  # inches: about as high as wide, so that the diagonal is one


def drawings(changes: list[Task], style: Mapping[str, Style]) -> Iterator[Drawing]:
    """One figure for each task and each study that is held against A, where they share runs."""
    for task in changes:
        if task.changes:
            yield _drawing(task, style)


def name(task: Task) -> str:
    """The figure's name."""
    return file_name(f"{NAME}-{task.a.label}-{task.b.label}", task.task)


def _drawing(task: Task, style: Mapping[str, Style]) -> Drawing:
    factor, label = numbers.scale(task.metric), numbers.label(task.metric)
    a, b = task.a.label, task.b.label

    def plot(figure: Figure) -> None:
        axes = layout.single(figure, _HEIGHT)
        for change in task.changes:
            look, own = style[change.variant], task.cells[task.cells["variant"] == change.variant]
            x, y = own["a"] * factor, own["b"] * factor
            axes.plot(x, y, color=look.colour, marker=look.marker, ms=4.5, mfc="none", mew=1.2, ls="", zorder=3)
        both = [*axes.get_xlim(), *axes.get_ylim()]
        ends = min(both), max(both)
        axes.plot(ends, ends, color=light("muted"), lw=0.9, zorder=1)
        axes.set_xlim(ends)
        axes.set_ylim(ends)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
        unit = numbers.unit(task.metric).replace(" ", ", ", 1)
        axes.set_xlabel(f"{a}: {label}{unit}")
        axes.set_ylabel(f"{b}: {label}{unit}")
        axes.set_title(numbers.shorten(numbers.task_title(task.task), 40))
        entries = [layout.entry(change.variant, style[change.variant], line=False) for change in task.changes]
        layout.key(figure, [layout.Entry(e.words, e.mark | {"mfc": "none"}) for e in entries])

    said = "; ".join(
        f"{c.variant} {numbers.value(c.a, c.metric)} and {numbers.value(c.b, c.metric)}, change"
        f" {numbers.difference(c.diff, c.metric)} {numbers.interval(c.low, c.high, c.metric)}"
        for c in task.changes
    )
    better = "below" if numbers.lower_is_better(task.metric) else "above"
    caption = (
        f"Each mark is a dataset: its mean {label} over the seeds that both studies have, in {a} and in {b}. On"
        f" the line nothing has changed; {better} it {b} is better."
    )
    return draw(name(task), f"{task.task}: mean {label} in {a} against {b}. {said}.", caption, plot)
