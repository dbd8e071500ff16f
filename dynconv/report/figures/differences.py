"""Each dataset's difference to the control: a row a dataset, or, of a large archive, a scatter a variant."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.coverage import failed_rule
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.results import Results

NAME = "differences"
ROWS = 25  # datasets up to which each gets a row of its own
_COLUMNS = 3


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure for each task in which some dataset has a mean of the control and of another variant."""
    style = styles(results.variants)
    for task in results.tasks:
        of_task = results.means[results.means["task"] == task]
        means = of_task.pivot(index="dataset", columns="variant", values="mean")
        if results.control not in means:
            continue
        means = means[means[results.control].notna()]
        others = [v for v in results.variants if v in means and v != results.control and means[v].notna().any()]
        means = means.loc[means[others].notna().any(axis=1), [results.control, *others]]
        if others and len(means):
            form = _rows if len(means) <= ROWS else _scatter
            yield form(results, task, means, style)


def _gains(results: Results, task: str, means: pd.DataFrame) -> pd.DataFrame:
    """Differences to the control, positive where the variant is better: [datasets, variants] in the units shown."""
    metric = results.metric(task)
    turned = -1 if numbers.lower_is_better(metric) else 1
    control = str(results.control)
    return means.drop(columns=control).sub(means[control], axis=0) * turned * numbers.scale(metric)


def _rows(results: Results, task: str, means: pd.DataFrame, style: dict[str, Style]) -> Drawing:
    metric, control = results.metric(task), str(results.control)
    gains = _gains(results, task, means)
    gains = gains.loc[gains.mean(axis=1).sort_values(kind="stable", ascending=False).index]
    pitch = max(0.24 if len(gains) < 9 else 0.2, 0.05 * gains.shape[1])

    def plot(figure: Figure) -> None:
        axes = layout.single(figure, pitch * len(gains) + 0.1, left=1.5)
        axes.axvline(0, color=style[control].colour, lw=1.2, zorder=1)
        place = np.arange(len(gains))
        axes.hlines(place, gains.min(axis=1), gains.max(axis=1), color=light("rule"), lw=1.4, zorder=1)
        apart = np.linspace(-0.3, 0.3, gains.shape[1]) if gains.shape[1] > 1 else [0.0]
        for variant, shift in zip(gains, apart, strict=True):
            look = style[variant]
            axes.plot(
                gains[variant], place + shift, color=look.colour, marker=look.marker, ms=4, ls="", alpha=0.85, mew=0.6
            )
        axes.set_ylim(len(gains) - 0.4, -0.6)
        axes.set_yticks(place, [numbers.shorten(str(dataset), 20) for dataset in gains.index])
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        points = " (points)" if metric in numbers.FRACTIONS else ""
        axes.set_xlabel(f"gain in {numbers.label(metric)}{points} over {numbers.shorten(control, 14)}")
        axes.set_title(numbers.shorten(numbers.task_title(task), 40), x=-(1.45 / 2.58))
        layout.key(figure, [layout.entry(variant, style[variant], line=False) for variant in gains])

    best = ", ".join(
        f"{variant} from {numbers.minus(f'{own.min():.3g}')} to {numbers.minus(f'{own.max():.3g}')}"
        for variant, own in gains.items()
    )
    datasets = "1 dataset" if len(gains) == 1 else f"{len(gains)} datasets"
    alt = f"{task}: gain over {control} in {numbers.label(metric)} on each of {datasets}: {best}."
    caption = (
        f"Difference of the means over seeds to {control} (the line at 0), dataset by dataset, the largest mean gain"
        " first. Right of the line: better. Marks of a row are set apart only to be seen."
    )
    caption += f" {rule}" if (rule := failed_rule(results, task)) else ""
    return draw(file_name(NAME, task), alt, caption, plot)


def _scatter(results: Results, task: str, means: pd.DataFrame, style: dict[str, Style]) -> Drawing:
    metric, control = results.metric(task), str(results.control)
    factor, unit = numbers.scale(metric), numbers.unit(metric).strip()
    others = [variant for variant in means if variant != control]
    counts = {variant: _counts(results, task, variant) for variant in others}
    shown = means * factor
    low, high = float(np.nanmin(shown.to_numpy())), float(np.nanmax(shown.to_numpy()))
    margin = 0.04 * (high - low) or 1.0
    ends = (low - margin, high + margin)
    below = numbers.lower_is_better(metric)

    def plot(figure: Figure) -> None:
        size = (layout.WIDTH - 0.5 - 0.08 - 2 * 0.12) / _COLUMNS
        found = layout.panels(
            figure,
            len(others),
            _COLUMNS,
            height=size,
            left=0.5,
            right=0.08,
            above=0.22,
            below=0.08,
            gap=0.12,
            head=0.26,
            foot=0.42,
        )
        for place, (axes, variant) in enumerate(zip(found, others, strict=True)):
            look = style[variant]
            axes.plot(ends, ends, color=style[control].colour, lw=1, zorder=1)
            axes.plot(
                shown[control], shown[variant], color=look.colour, marker=look.marker, ms=2.8, ls="", alpha=0.6, mew=0
            )
            axes.set_xlim(ends)
            axes.set_ylim(ends)
            layout.small(axes, numbers.shorten(variant, 19))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.tick_params(labelleft=place % _COLUMNS == 0, labelbottom=place + _COLUMNS >= len(others))
            _note(axes, counts[variant], below)
        title = f"{numbers.shorten(numbers.task_title(task), 30)}: {numbers.label(metric)} on {len(means)} datasets"
        layout.heading(figure, f"{title}{f' ({unit})' if unit else ''}")
        layout.across(figure, f"mean of {numbers.shorten(control, 20)}")
        figure.text(
            0.03, 0.5, "mean of the variant", rotation=90, va="center", ha="center", fontsize=8, color=light("muted")
        )

    listed = "; ".join(f"{v} {'/'.join(map(str, c))}" for v, c in counts.items() if c)
    alt = f"{task}: each variant against {control} on {len(means)} datasets. Won/tied/lost: {listed or 'not known'}."
    side = "below" if below else "above"
    caption = (
        f"A mark a dataset: the variant's mean over seeds against that of {control}. Marks {side} the diagonal: the"
        " variant is better. Numbers: datasets won, tied and lost."
    )
    caption += f" {rule}" if (rule := failed_rule(results, task)) else ""
    return draw(file_name(NAME, task), alt, caption, plot)


def _note(axes: Axes, counts: tuple[int, int, int] | None, below: bool) -> None:
    """The numbers of datasets won, tied and lost, in the corner where the fewest marks are."""
    if counts:
        x, y, ha, va = (0.96, 0.04, "right", "bottom") if not below else (0.04, 0.96, "left", "top")
        words = " / ".join(map(str, counts))
        axes.text(x, y, words, transform=axes.transAxes, ha=ha, va=va, fontsize=layout.SMALL, color=light("ink"))


def _counts(results: Results, task: str, variant: str) -> tuple[int, int, int] | None:
    """Datasets won, tied and lost against the control, as `pairwise` has them."""
    pairs = results.pairwise[results.pairwise["task"] == task]
    for a, b, names in (
        (variant, results.control, ("wins", "ties", "losses")),
        (results.control, variant, ("losses", "ties", "wins")),
    ):
        own = pairs[(pairs["variant_a"] == a) & (pairs["variant_b"] == b)].dropna(subset=list(names))
        if len(own):
            wins, ties, losses = (int(own.iloc[0][name]) for name in names)
            return wins, ties, losses
    return None
