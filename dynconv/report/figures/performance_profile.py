"""Performance profiles (Agarwal et al. 2021): the share of runs that score above each threshold."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from dynconv.report import numbers
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, styles
from dynconv.report.results import Results

NAME = "performance-profile"


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure for each task that has a profile of some variant."""
    style = styles(results.variants)
    for task in results.tasks:
        rows = results.performance_profiles
        own = rows[(rows["task"] == task) & rows["share"].notna()].sort_values("tau")
        if len(own):
            yield _drawing(task, results.metric(task), own, style)


def _drawing(task: str, metric: str, rows: pd.DataFrame, style: dict[str, Style]) -> Drawing:
    factor, unit = numbers.scale(metric), numbers.unit(metric)
    lines = {variant: own for variant in style if len(own := rows[rows["variant"] == variant])}

    def plot(figure: Figure) -> None:
        axes = layout.single(figure)
        for place, (variant, own) in enumerate(lines.items()):
            look, tau = style[variant], own["tau"] * factor
            axes.fill_between(tau, own["ci_low"], own["ci_high"], step="post", color=look.colour, alpha=0.1, lw=0)
            axes.step(
                tau,
                own["share"],
                where="post",
                color=look.colour,
                marker=look.marker,
                markevery=(place * len(own) // (5 * len(lines)), max(1, len(own) // 5)),  # apart: curves are close
                ms=3.5,
                lw=1.3,
            )
        axes.set_ylim(0, 1.02)
        axes.margins(x=0.02)
        axes.set_xlabel(f"threshold of {numbers.label(metric)}{f' ({unit.strip()})' if unit else ''}")
        axes.set_ylabel("share of runs above it")
        axes.set_title(numbers.shorten(numbers.task_title(task), 40))
        layout.key(figure, [layout.entry(variant, style[variant]) for variant in lines])

    reached = ", ".join(f"{variant} {numbers.value(_median(own), metric)}{unit}" for variant, own in lines.items())
    alt = f"{task}: performance profiles. Half of the runs score above about: {reached}."
    n = rows["n_datasets"].dropna()
    over = f" of the {int(n.iloc[0])} datasets that every variant has a value on" if len(n) and n.iloc[0] > 1 else ""
    caption = (
        f"Share of the runs{over} above each threshold{', each dataset weighing the same' if over else ''}:"
        " a curve further right and higher is better. Band: pointwise interval from a bootstrap of seeds within"
        " datasets (Agarwal et al. 2021)."
    )
    if numbers.lower_is_better(metric):
        caption = caption.replace("further right and higher", "further left and lower")
    return draw(file_name(NAME, task), alt, caption, plot)


def _median(own: pd.DataFrame) -> float | None:
    """The first threshold that at most half of the runs are above."""
    beyond = own.loc[own["share"] <= 0.5, "tau"]
    return float(beyond.iloc[0]) if len(beyond) else None
