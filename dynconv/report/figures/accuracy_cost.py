"""What a variant gains against what it costs: difference to the control over relative MACs, and over measured time."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynconv.report import numbers, speed
from dynconv.report.cost import Cost, count_ratios
from dynconv.report.figures import front, layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.figures.ratio_axis import ratio_axis
from dynconv.report.results import Results
from dynconv.report.verdicts import Verdict, verdicts

NAME, TIME = "accuracy-cost", "accuracy-time"


@dataclass(frozen=True)
class _Scale:
    """What the gain is held against: of a variant, and of each (dataset, variant); 1 is the control's."""

    name: str  # of the figure's file
    words: str
    of: Callable[[Cost], float | None]
    ratios: Callable[[Results, str], pd.Series]  # by dataset and variant
    theory: Callable[[Cost], float | None] = lambda cost: None
    pareto: str | None = None  # the cost's name in the table `pareto`


def _macs(results: Results, task: str) -> pd.Series:
    return count_ratios(results, task)["macs"]


def _steps(results: Results, task: str) -> pd.Series:
    return speed.ratios(results, task).set_index(["dataset", "variant"])["step"]


def _needed(cost: Cost) -> float | None:
    """The theoretical MACs where they differ visibly from the executed ones."""
    executed, needed = cost.macs, cost.macs_theoretical
    return needed if executed and needed and abs(needed / executed - 1) > 0.01 else None


_SCALES = (
    _Scale(NAME, "multiply-adds of a forward pass", lambda cost: cost.macs, _macs, _needed, "macs"),
    _Scale(TIME, "measured time of a training step", lambda cost: cost.step_s, _steps),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """For each task one figure for each scale on which some variant has both a difference and a cost."""
    style, every = styles(results.variants), verdicts(results)
    for task in results.tasks:
        for scale in _SCALES:
            found = [v for v in every if v.task == task and v.diff is not None and scale.of(v.cost) is not None]
            if found:
                marks = {v.variant: (scale.of(v.cost) or math.nan, v.diff or 0.0) for v in found}
                marks |= {found[0].control: (1.0, 0.0)}
                line = {name: marks[name] for name in _front(results, task, scale, marks)}
                yield _drawing(task, scale, found, _points(results, task, scale), style, line)


def _points(results: Results, task: str, scale: _Scale) -> pd.DataFrame:
    """One row a (dataset, variant): `cost` relative to the control's, `gain` over its mean (positive: better)."""
    of_task = results.means[results.means["task"] == task]
    means = of_task.pivot(index="dataset", columns="variant", values="mean")
    if results.control not in means:
        return pd.DataFrame(columns=["dataset", "variant", "gain", "cost"])
    gains = means.sub(means[results.control], axis=0)
    if numbers.lower_is_better(results.metric(task)):
        gains = -gains
    long = gains.reset_index().melt(id_vars="dataset", var_name="variant", value_name="gain")
    costs = scale.ratios(results, task).rename("cost").reset_index()
    return long.merge(costs, on=["dataset", "variant"]).dropna()


def _front(results: Results, task: str, scale: _Scale, marks: front.Points) -> list[str]:
    """The variants of the Pareto front, cheapest first; none where the marks do not agree with the table.

    Of multiply-adds, it is the front of the table `pareto`; without one, as of the time of a training step, the marks'.
    """
    rows = results.pareto
    own = rows[(rows["task"] == task) & (rows["cost"] == scale.pareto) & rows["on_front"].notna()]
    members = list(own.loc[own["on_front"].astype(bool), "variant"]) if len(own) else front.undominated(marks)
    return front.ordered(marks, members)


def _drawing(
    task: str,
    scale: _Scale,
    found: list[Verdict],
    points: pd.DataFrame,
    style: dict[str, Style],
    line: front.Points,
) -> Drawing:
    metric, control = found[0].metric, found[0].control
    factor, datasets = numbers.scale(metric), points["dataset"].nunique()
    several, few = datasets > 1, datasets <= 25

    def plot(figure: Figure) -> None:
        axes = layout.single(figure)
        axes.axhline(0, color=light("muted"), lw=0.9, zorder=1)
        axes.axvline(1, color=light("muted"), lw=0.9, zorder=1)
        base = style[control]
        axes.plot(1, 0, color=base.colour, marker=base.marker, ms=7, ls="", zorder=5)
        for v in found:
            look = style[v.variant]
            if several:
                own = points[points["variant"] == v.variant]
                pale: dict[str, Any] = {
                    "color": look.colour,
                    "marker": look.marker,
                    "ls": "",
                    "mew": 0,
                    "alpha": 0.35 if few else 0.2,
                }
                axes.plot(own["cost"], own["gain"] * factor, ms=4.5 if few else 3, **pale)
            _mark(axes, v, scale, look, factor)
        ratio_axis(axes)
        front.steps(axes, [(cost, gain * factor) for cost, gain in line.values()])
        points_unit = " (points)" if metric in numbers.FRACTIONS else ""
        axes.set_xlabel(f"{scale.words}, relative to {numbers.shorten(control, 16)}")
        axes.set_ylabel(f"gain in {numbers.label(metric)}{points_unit}")
        axes.set_title(numbers.shorten(numbers.task_title(task), 40))
        shown = [control, *(v.variant for v in found)]
        layout.key(figure, [layout.entry(variant, style[variant], line=False) for variant in shown])

    listed = "; ".join(
        f"{v.variant} {numbers.difference(v.diff, metric)} {numbers.interval(v.ci_low, v.ci_high, metric)}"
        f" at {numbers.ratio(scale.of(v.cost))}"
        for v in found
    )
    alt = f"{task}: mean gain over {control} with its interval, and relative {scale.words}. {listed}."
    caption = f"Gain over the control against {scale.words} (log axis). Bars: interval of the mean difference."
    if line:
        caption += " Dashed: the Pareto front, which no other variant beats in both."
        alt += f" On the Pareto front: {numbers.listing([*line])}."
    if several:
        caption += " Pale marks: single datasets."
    if any(scale.theory(v.cost) for v in found):
        caption += " Hollow marks: multiply-adds that the method needs in theory."
    return draw(file_name(scale.name, task), alt, caption, plot)


def _mark(axes: Axes, v: Verdict, scale: _Scale, look: Style, factor: float) -> None:
    cost, gain = scale.of(v.cost) or math.nan, (v.diff or 0.0) * factor
    if v.ci_low is not None and v.ci_high is not None:
        axes.plot([cost, cost], [v.ci_low * factor, v.ci_high * factor], color=look.colour, lw=1.6, zorder=4)
    axes.plot(cost, gain, color=look.colour, marker=look.marker, ms=7, ls="", zorder=5)
    if theory := scale.theory(v.cost):
        axes.plot([theory, cost], [gain, gain], color=look.colour, lw=0.9, ls=":", zorder=3)
        axes.plot(theory, gain, color=look.colour, marker=look.marker, ms=6, ls="", mfc="none", zorder=4)
