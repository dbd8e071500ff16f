"""What a variant gains against what it costs: difference to the control over relative MACs."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from dynconv.report import numbers
from dynconv.report.cost import count_ratios
from dynconv.report.figures.drawing import Drawing, draw, file_name, legend
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.results import Results
from dynconv.report.verdicts import Verdict, verdicts

NAME = "accuracy-cost"


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure a task in which some variant has both a difference and a cost."""
    style = styles(results.variants)
    for task in results.tasks:
        found = [v for v in verdicts(results) if v.task == task and v.diff is not None and v.cost.macs is not None]
        if found:
            yield _drawing(task, found, _points(results, task), style)


def _points(results: Results, task: str) -> pd.DataFrame:
    """One row a (dataset, variant): `macs` relative to the control's, `gain` over its mean (positive: better)."""
    of_task = results.means[results.means["task"] == task]
    means = of_task.pivot(index="dataset", columns="variant", values="mean")
    if results.control not in means:
        return pd.DataFrame(columns=["dataset", "variant", "gain", "macs"])
    gains = means.sub(means[results.control], axis=0)
    if numbers.lower_is_better(results.metric(task)):
        gains = -gains
    long = gains.reset_index().melt(id_vars="dataset", var_name="variant", value_name="gain")
    return long.merge(count_ratios(results, task)["macs"].reset_index(), on=["dataset", "variant"]).dropna()


def _drawing(task: str, found: list[Verdict], points: pd.DataFrame, style: dict[str, Style]) -> Drawing:
    metric, control = found[0].metric, found[0].control
    factor, several = numbers.scale(metric), points["dataset"].nunique() > 1

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0, color=light("muted"), lw=0.9, zorder=1)
        axes.axvline(1, color=light("muted"), lw=0.9, zorder=1)
        base = style[control]
        axes.plot(
            1, 0, color=base.colour, marker=base.marker, ms=7, ls="", label=numbers.shorten(control, 20), zorder=5
        )
        for v in found:
            look = style[v.variant]
            if several:
                own = points[points["variant"] == v.variant]
                axes.plot(
                    own["macs"], own["gain"] * factor, color=look.colour, marker=look.marker, ms=4, ls="", alpha=0.35
                )
            _mark(axes, v, look, factor)
        _log_ratio(axes)
        points_unit = " (points)" if metric in numbers.FRACTIONS else ""
        axes.set_xlabel(f"multiply-adds of a forward pass, relative to {numbers.shorten(control, 16)}")
        axes.set_ylabel(f"gain in {numbers.label(metric)}{points_unit}")
        axes.set_title(numbers.shorten(task, 40))
        legend(figure)

    listed = "; ".join(
        f"{v.variant} {numbers.difference(v.diff, metric)} {numbers.interval(v.ci_low, v.ci_high, metric)}"
        f" at {numbers.ratio(v.cost.macs)}"
        for v in found
    )
    alt = f"{task}: mean gain over {control} with its interval, and relative multiply-adds. {listed}."
    caption = "Gain over the control against relative cost (log axis). Bars: bootstrap interval of the mean difference."
    if several:
        caption += " Pale marks: single datasets."
    if any(_theory(v) for v in found):
        caption += " Hollow marks: multiply-adds that the method needs in theory."
    return draw(file_name(NAME, task), alt, caption, plot)


def _mark(axes: Axes, v: Verdict, look: Style, factor: float) -> None:
    macs, gain = v.cost.macs or math.nan, (v.diff or 0.0) * factor
    if v.ci_low is not None and v.ci_high is not None:
        axes.plot([macs, macs], [v.ci_low * factor, v.ci_high * factor], color=look.colour, lw=1.6, zorder=4)
    label = numbers.shorten(v.variant, 20)
    axes.plot(macs, gain, color=look.colour, marker=look.marker, ms=7, ls="", label=label, zorder=5)
    if theory := _theory(v):
        axes.plot([theory, macs], [gain, gain], color=look.colour, lw=0.9, ls=":", zorder=3)
        axes.plot(theory, gain, color=look.colour, marker=look.marker, ms=6, ls="", mfc="none", zorder=4)


def _theory(v: Verdict) -> float | None:
    """The theoretical MACs where they differ visibly from the executed ones."""
    executed, needed = v.cost.macs, v.cost.macs_theoretical
    return needed if executed and needed and abs(needed / executed - 1) > 0.01 else None


def _log_ratio(axes: Axes) -> None:
    """A log axis of ratios with round ticks and room for the marks."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    low, high = min(low, 0.8), max(high, 1.25)
    wide, narrow = (
        [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
        [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.5, 3, 4],
    )
    candidates = np.array(wide if high / low > 4 else narrow)
    ticks = candidates[(candidates >= low) & (candidates <= high)]
    axes.set_xlim(low, high)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}{numbers.TIMES}"))
    axes.xaxis.set_minor_locator(NullLocator())
