"""Training loss by epoch, a panel a dataset: the mean over seeds as a line, all seeds within the band."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.figures import layout, panels
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, styles
from dynconv.report.results import Results

NAME = "learning-curves"
PANELS = 12  # of a figure
POINTS = 40  # of a line, at most
_COLUMNS = 3

_Place = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_Bands = dict[str, pd.DataFrame]  # variant -> its mean, min and max by epoch


def drawings(results: Results) -> Iterator[Drawing]:
    """Figures of up to 12 datasets each, of the datasets that have a finite training loss."""
    rows = results.metrics
    losses = rows[(rows["split"] == "train") & (rows["metric"] == "loss")]
    losses = losses[np.isfinite(losses["value"].to_numpy(dtype=float, na_value=np.nan))]
    bands = _bands(losses)
    style = styles(results.variants)
    for task in results.tasks:
        datasets = [dataset for dataset in results.datasets(task) if dataset in bands]
        pages = range(0, len(datasets), PANELS)
        for number, start in enumerate(pages, start=1):
            shown = {dataset: bands[dataset] for dataset in datasets[start : start + PANELS]}
            yield _drawing(task, number, len(pages), shown, style)


def _bands(losses: pd.DataFrame) -> dict[str, _Bands]:
    """Mean, least and greatest loss over seeds by dataset and variant, one row an epoch."""
    keys = ["dataset", "variant", "epoch"]
    last = losses.sort_values("step", kind="stable").drop_duplicates([*keys, "seed"], keep="last")
    table = last.groupby(keys, observed=True)["value"].agg(["mean", "min", "max"]).reset_index()
    found: dict[str, _Bands] = {}
    for (dataset, variant), own in table.groupby(["dataset", "variant"], observed=True, sort=False):
        found.setdefault(str(dataset), {})[str(variant)] = own
    return found


def thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """At most `POINTS` of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= POINTS:
        return rows
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, POINTS).round().astype(int))]


def _drawing(task: str, number: int, figures: int, shown: Mapping[str, _Bands], style: dict[str, Style]) -> Drawing:
    one = len(shown) == 1 and figures == 1
    present = [variant for variant in style if any(variant in bands for bands in shown.values())]

    def plot(figure: Figure) -> None:
        if one:
            ((dataset, bands),) = shown.items()
            axes = layout.single(figure)
            _curves(axes, bands, style, lambda x, y: (x, y), width=1.4, marks=5)
            across, up = _span(bands)
            axes.set_xlim(across)
            axes.set_ylim(up)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("epoch")
            axes.set_ylabel("training loss (nats)")
            axes.set_title(numbers.shorten(dataset, 40))
        else:
            axes = panels.canvas(figure, len(shown), _COLUMNS, head=0.28, foot=0.22)
            for place, (dataset, bands) in enumerate(shown.items()):
                span = _span(bands)
                panel = panels.panel(axes, place, _COLUMNS, numbers.shorten(dataset, 19), *span)
                _curves(axes, bands, style, panel.place, width=1.0, marks=1)
            part = f" ({number} of {figures})" if figures > 1 else ""
            layout.heading(figure, f"{numbers.shorten(numbers.task_title(task), 30)}: training loss{part}")
            layout.across(figure, "epoch")
        layout.key(figure, [layout.entry(variant, style[variant]) for variant in present])

    said = _ends if one else _extremes
    every = "; ".join(f"{dataset}: {said(bands, style)}" for dataset, bands in shown.items())
    alt = f"{task}: training loss by epoch. Mean over seeds after the last epoch. {every}."
    longest = max(len(rows) for bands in shown.values() for rows in bands.values())
    caption = "Training loss (nats) by epoch. Line: mean over seeds; band: from the lowest to the highest seed."
    if not one:
        caption += " A panel a dataset, each with its own axes."
    if longest > POINTS:
        caption += f" Of up to {longest} epochs, {POINTS} evenly spaced ones are drawn."
    return draw(f"{file_name(NAME, task)}-{number}", alt, caption, plot)


def _ends(bands: _Bands, style: dict[str, Style]) -> str:
    return ", ".join(f"{variant} {bands[variant]['mean'].iloc[-1]:.3g}" for variant in style if variant in bands)


def _extremes(bands: _Bands, style: dict[str, Style]) -> str:
    last = {variant: float(bands[variant]["mean"].iloc[-1]) for variant in style if variant in bands}
    low, high = min(last, key=last.__getitem__), max(last, key=last.__getitem__)
    return f"{low} {last[low]:.3g}" if low == high else f"lowest {low} {last[low]:.3g}, highest {high} {last[high]:.3g}"


def _span(bands: _Bands) -> tuple[tuple[float, float], tuple[float, float]]:
    """What the axes show: all epochs with some room, and 0 to a little over the greatest loss."""
    first = min(float(rows["epoch"].iloc[0]) for rows in bands.values())
    last = max(float(rows["epoch"].iloc[-1]) for rows in bands.values())
    low, high = (
        pick(float(rows[name].agg(name)) for rows in bands.values()) for pick, name in ((min, "min"), (max, "max"))
    )
    room = 0.04 * (last - first) or 0.5
    return (first - room, last + room), (min(0.0, low), 1.05 * high if high > 0 else 1.0)


def _curves(axes: Axes, bands: _Bands, style: dict[str, Style], place: _Place, *, width: float, marks: int) -> None:
    """Lines and bands, added without the checks of `plot` and `fill`, which would take most of the time."""
    for variant, look in style.items():
        if variant not in bands:
            continue
        own = thinned(bands[variant])
        epoch, mean, low, high = (own[name].to_numpy(float) for name in ("epoch", "mean", "min", "max"))
        x, y = place(np.concatenate([epoch, epoch[::-1]]), np.concatenate([high, low[::-1]]))
        axes.add_artist(Polygon(np.stack([x, y], axis=1), closed=True, facecolor=look.colour, alpha=0.14, lw=0))
        x, y = place(epoch, mean)
        every = [len(own) - 1] if marks == 1 else max(1, len(own) // marks)
        drawn: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markevery": every, "ms": 3.2, "mew": 0.5}
        axes.add_artist(Line2D(x, y, lw=width, zorder=3, **drawn))
