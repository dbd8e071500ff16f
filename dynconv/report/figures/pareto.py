"""Quality against every cost that was measured, with the Pareto front: the variants that nothing beats in both."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.figures import front, layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, styles
from dynconv.report.figures.ratio_axis import ratio_axis
from dynconv.report.results import Results

NAME = "pareto"
COSTS = {
    "macs": "multiply-adds",
    "latency_s": "latency",
    "train_s": "training time",
    "memory_bytes": "memory",
    "energy_j": "energy",
}
_COLUMNS = 2


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure for each task of which `pareto` holds a front, a panel a cost."""
    style = styles(results.variants)
    rows = results.pareto.dropna(subset=["quality", "cost_ratio", "on_front"])
    for task in results.tasks:
        own = rows[rows["task"] == task]
        panels = {cost: found for cost in COSTS if len(found := own[own["cost"] == cost]) > 1}
        if panels:
            yield _drawing(results, task, panels, style)


def _drawing(results: Results, task: str, panels: dict[str, pd.DataFrame], style: dict[str, Style]) -> Drawing:
    metric, control = results.metric(task), results.control or "the control"
    unit = numbers.unit(metric).strip()
    present = [v for v in style if any((rows["variant"] == v).any() for rows in panels.values())]

    def plot(figure: Figure) -> None:
        found = layout.panels(
            figure,
            len(panels),
            min(_COLUMNS, len(panels)),
            height=1.3,
            left=0.52,
            right=0.1,
            above=0.24,
            below=0.26,
            gap=0.36,
            head=0.24,
            foot=0.2,
        )
        for axes, (cost, rows) in zip(found, panels.items(), strict=True):
            _panel(axes, rows, metric, style)
            layout.small(axes, COSTS[cost])
        name = numbers.shorten(numbers.task_title(task), 30)
        title = f"{name}: {numbers.label(metric)}{f' ({unit})' if unit else ''} against cost"
        layout.heading(figure, title)
        layout.across(figure, f"cost relative to {numbers.shorten(control, 20)} (log axis)")
        layout.key(figure, [layout.entry(variant, style[variant], line=False) for variant in present])

    said = "; ".join(f"{COSTS[cost]}: {_members(rows)}" for cost, rows in panels.items())
    alt = f"{task}: {numbers.label(metric)} against cost relative to {control}. On the Pareto front by {said}."
    caption = (
        "Dashed: the Pareto front of each cost, the variants (filled marks) than which no other is at least as good and"
        " as cheap, and better in one; the variants behind it are hollow. Bars: intervals of quality and of relative"
        f" cost, as far as the panel shows them. {_measured(panels)}"
    )
    return draw(file_name(NAME, task), alt, caption.strip(), plot)


def _panel(axes: Axes, rows: pd.DataFrame, metric: str, style: dict[str, Style]) -> None:
    factor = numbers.scale(metric)
    sign = -1 if numbers.lower_is_better(metric) else 1
    for row in sorted(rows.to_dict("records"), key=lambda row: list(style).index(row["variant"])):
        look, x, y = style[row["variant"]], row["cost_ratio"], row["quality"] * factor
        for low, high, across in (
            (row["quality_ci_low"] * factor, row["quality_ci_high"] * factor, False),
            (row["cost_ratio_ci_low"], row["cost_ratio_ci_high"], True),
        ):
            if numbers.known(low) and numbers.known(high):
                ends = ([low, high], [y, y]) if across else ([x, x], [low, high])
                axes.plot(*ends, color=look.colour, lw=0.9, alpha=0.55, zorder=3)
        filled: dict[str, Any] = {} if row["on_front"] else {"mfc": "none", "mew": 1.1}
        axes.plot(x, y, color=look.colour, marker=look.marker, ms=5, ls="", zorder=4, **filled)
    values = rows["quality"] * factor
    room = 0.75 * (values.max() - values.min()) or 0.05 * abs(values.max()) or 1.0
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, values.min() - room), min(high, values.max() + room))
    ratio_axis(axes, few=True)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    points = {row["variant"]: (row["cost_ratio"], sign * row["quality"] * factor) for row in rows.to_dict("records")}
    line = front.ordered(points, list(rows.loc[rows["on_front"].astype(bool), "variant"]))
    front.steps(axes, [(points[name][0], sign * points[name][1]) for name in line])


def _members(rows: pd.DataFrame) -> str:
    on = rows[rows["on_front"].astype(bool)].sort_values("cost_ratio")
    return numbers.listing(
        [
            f"{row['variant']}" + (f" ({row['p_on_front']:.0%} of resamples)" if _known(row["p_on_front"]) else "")
            for row in on.to_dict("records")
        ]
    )


def _measured(panels: dict[str, pd.DataFrame]) -> str:
    """The number of datasets that each panel rests on."""
    counts = {cost: int(rows["n_datasets"].max()) for cost, rows in panels.items()}
    if len(set(counts.values())) == 1:
        n = next(iter(counts.values()))
        return f"{n} dataset{'' if n == 1 else 's'} in each panel." if len(counts) > 1 else ""
    return "Datasets: " + ", ".join(f"{COSTS[cost]} {n}" for cost, n in counts.items()) + "."


def _known(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
