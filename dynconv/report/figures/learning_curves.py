"""Training loss by epoch: the mean over seeds as a line, all seeds within the band."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dynconv.report import numbers
from dynconv.report.figures.drawing import Drawing, draw, file_name, legend
from dynconv.report.figures.palette import Style, styles
from dynconv.report.results import Results

NAME = "learning-curves"
CAPTION = "Training loss by epoch. Line: mean over seeds; band: from the lowest to the highest seed."


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure a dataset that has a finite training loss."""
    rows = results.metrics
    losses = rows[(rows["split"] == "train") & (rows["metric"] == "loss") & rows["value"].map(numbers.known)]
    style = styles(results.variants)
    for task in results.tasks:
        for dataset in results.datasets(task):
            of_dataset = losses[losses["dataset"] == dataset]
            if len(of_dataset):
                yield _drawing(dataset, _bands(of_dataset), style)


def _bands(losses: pd.DataFrame) -> pd.DataFrame:
    """Mean, least and greatest loss over seeds, one row a (variant, epoch)."""
    last = losses.sort_values("step").groupby(["variant", "seed", "epoch"], as_index=False)["value"].last()
    return last.groupby(["variant", "epoch"], as_index=False)["value"].agg(["mean", "min", "max"])


def _drawing(dataset: str, bands: pd.DataFrame, style: dict[str, Style]) -> Drawing:
    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for variant, look in style.items():
            own = bands[bands["variant"] == variant]
            if own.empty:
                continue
            axes.fill_between(own["epoch"], own["min"], own["max"], color=look.colour, alpha=0.14, linewidth=0)
            marks = max(1, len(own) // 5)
            label = numbers.shorten(variant, 20)
            axes.plot(
                own["epoch"],
                own["mean"],
                color=look.colour,
                marker=look.marker,
                markevery=marks,
                ms=3.5,
                lw=1.4,
                label=label,
            )
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss (nats)")
        axes.set_title(numbers.shorten(dataset, 40))
        legend(figure)

    end = bands.sort_values("epoch").groupby("variant")["mean"].last()
    ends = ", ".join(f"{variant} {end[variant]:.3g}" for variant in style if variant in end.index)
    alt = f"Training loss by epoch on {dataset}. Mean over seeds after the last epoch: {ends}."
    return draw(file_name(NAME, dataset), alt, CAPTION, plot)
