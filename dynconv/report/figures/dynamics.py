"""What the layers do: attention over the training, and by layer at its end."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from dynconv.report import dynamics, numbers
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, styles
from dynconv.report.results import Results

NAME = "dynamics"
LINES = {"early": "-", "middle": "--", "late": ":", "all": "-"}
_OVER = "Line: mean over datasets and seeds; band: from the lowest to the highest seed."
LAYERS = {  # quantity -> (title, label of its axis, how to read it)
    "example_share": (
        "does the attention depend on the input?",
        "share across examples",
        "The share of the attention's variation that a constant attention could not have, layer by layer after the last"
        " epoch. 0: the same pattern for every example; 1: all that varies, varies across examples.",
    ),
    "effective_rank": (
        "how many kernels are there?",
        "effective rank of up to 16 kernels",
        "Effective rank of the kernels that up to 16 training examples were convolved with, layer by layer after the"
        " last epoch. 1: all examples meet one kernel, up to its scale.",
    ),
}


def drawings(results: Results) -> Iterator[Drawing]:
    """Per task: the entropy over the training of each variant with attention, two profiles by layer, the sharpness."""
    found = results.dynamics
    if found is None:
        return
    look = styles(results.variants)
    for task in results.tasks:
        epochs, layers = (frame[frame["task"] == task] for frame in found)
        for variant in look:
            entropy = epochs[(epochs["quantity"] == "entropy") & (epochs["variant"] == variant)]
            bands = dynamics.curves(entropy)
            if bands["progress"].nunique() > 1:
                yield _entropy(task, variant, bands, look[variant], _left_out(entropy))
        for quantity in LAYERS:
            own = layers[layers["quantity"] == quantity]
            if len(own):
                yield _profile(task, quantity, dynamics.profiles(own), look)
        sharpness = epochs[epochs["quantity"] == "sharpness"]
        bands = dynamics.curves(sharpness, log=True)
        if bands["progress"].nunique() > 1:
            yield _sharpness(task, bands, look, _left_out(sharpness))


def _left_out(of_task: pd.DataFrame) -> str:
    """A sentence on the datasets that are in no curve; nothing where there are none."""
    every, kept = (rows["dataset"].nunique() for rows in (of_task, dynamics.followed(of_task)))
    return f" Without {every - kept} of {every} datasets, looked at only once." if kept < every else ""


def _entropy(task: str, variant: str, bands: pd.DataFrame, look: Style, left_out: str) -> Drawing:
    def plot(figure: Figure) -> None:
        axes = layout.single(figure)
        for part in dynamics.PARTS:
            own = bands[bands["part"] == part]
            _line(axes, own["progress"] * 100, own, look, LINES[part])
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("training done (%)")
        axes.set_ylabel("attention entropy (1: the most)")
        axes.set_title(f"{numbers.shorten(numbers.task_title(task), 20)}: {numbers.shorten(variant, 20)}")
        parts = [part for part in dynamics.PARTS if (bands["part"] == part).any()]
        marks = {part: {"color": look.colour, "marker": look.marker, "ms": 4, "ls": LINES[part]} for part in parts}
        layout.key(figure, [layout.Entry(f"{part} layers", mark) for part, mark in marks.items()])

    end = bands.sort_values("progress").groupby("part", observed=True)["mean"].last()
    ends = ", ".join(f"{part} layers {end[part]:.2f}" for part in dynamics.PARTS if part in end.index)
    alt = f"{task}: entropy of the attention of {variant} over the training, 1 the most possible."
    alt += f" Where the lines end: {ends}."
    caption = (
        f"1: undecided, gates at one half and kernels mixed alike; 0: decided, gates on or off, one kernel. {_OVER}"
        f"{left_out}"
    )
    return draw(file_name(f"{NAME}-entropy", f"{task}/{variant}"), alt, caption, plot)


def _profile(task: str, quantity: str, bands: pd.DataFrame, look: dict[str, Style]) -> Drawing:
    title, label, reading = LAYERS[quantity]

    def plot(figure: Figure) -> None:
        axes = layout.single(figure)
        for variant, style in look.items():
            own = bands[bands["variant"] == variant]
            _line(axes, own["depth"] * 100, own, style)
        if quantity == "example_share":
            axes.set_ylim(0, 1.02)
        else:
            axes.set_ylim(bottom=1)
        axes.set_xlabel("depth of the layer (%)")
        axes.set_ylabel(label)
        axes.set_title(f"{numbers.shorten(numbers.task_title(task), 16)}: {title}")
        _key(figure, bands, look)

    mean = bands.groupby("variant", observed=True)["mean"].mean()
    listed = ", ".join(f"{variant} {mean[variant]:.2f}" for variant in look if variant in mean.index)
    alt = f"{task}: {label} by layer after the last epoch. Mean over layers: {listed}."
    return draw(file_name(f"{NAME}-{quantity.replace('_', '-')}", task), alt, f"{reading} {_OVER}", plot)


def _sharpness(task: str, bands: pd.DataFrame, look: dict[str, Style], left_out: str) -> Drawing:
    def plot(figure: Figure) -> None:
        axes = layout.single(figure)
        for variant, style in look.items():
            own = bands[bands["variant"] == variant]
            _line(axes, own["progress"] * 100, own, style)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("training done (%)")
        axes.set_ylabel("first-order sharpness (nats)")
        axes.set_title(f"{numbers.shorten(numbers.task_title(task), 20)}: sharpness")
        _key(figure, bands, look)

    end = bands.sort_values("progress").groupby("variant", observed=True)["mean"].last()
    ends = ", ".join(f"{variant} {end[variant]:.2g}" for variant in look if variant in end.index)
    alt = f"{task}: sharpness over the training, log axis. Where the lines end: {ends}."
    caption = (
        "How much the loss of up to 16 training examples can rise, to first order, when every weight of the branches"
        f" moves by a share of itself (ASAM; log axis, geometric means). {_OVER}{left_out}"
    )
    return draw(file_name(f"{NAME}-sharpness", task), alt, caption, plot)


def _key(figure: Figure, bands: pd.DataFrame, look: dict[str, Style]) -> None:
    drawn = set(bands["variant"])
    layout.key(figure, [layout.entry(variant, style) for variant, style in look.items() if variant in drawn])


def _line(axes: Axes, x: pd.Series, own: pd.DataFrame, look: Style, dashes: str = "-") -> None:
    if own.empty:
        return
    axes.fill_between(x, own["min"], own["max"], color=look.colour, alpha=0.14, linewidth=0)
    every = max(1, len(own) // 5)
    axes.plot(x, own["mean"], color=look.colour, marker=look.marker, markevery=every, ms=3.5, lw=1.4, ls=dashes)
