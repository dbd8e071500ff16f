"""Bayesian answers (Benavoli et al. 2017): how probably a variant is better than the control, the same, or worse."""

from collections.abc import Iterator
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynconv.report import numbers
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.results import Results

NAME = "posterior"
MODEL, PRIOR = "signed_rank", "default"
_REGIONS = {"better": light("series-1"), "equivalent": light("series-0"), "worse": light("series-2")}
_ROW = 0.27  # inches of a variant
_ROOM = 0.09  # probability from which a bar has room for its number


class _Answer(NamedTuple):
    """The three probabilities of a variant against the control, and the datasets that they rest on."""

    better: float
    equivalent: float
    worse: float
    n_datasets: int


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure for each task in which some variant has a posterior against the control."""
    style = styles(results.variants)
    for task in results.tasks:
        found = _answers(results, task)
        if found:
            yield _drawing(results, task, found, style)


def _answers(results: Results, task: str) -> dict[str, _Answer]:
    rows = results.posterior
    chosen = (rows["task"] == task) & (rows["model"] == MODEL) & (rows["prior"] == PRIOR)
    rows = rows[chosen].dropna(subset=["p_a", "p_rope", "p_b"])
    found = {}
    for row in rows.to_dict("records"):
        counted = int(row["n_datasets"]) if numbers.known(row["n_datasets"]) else 0
        if row["variant_b"] == results.control:
            found[row["variant_a"]] = _Answer(row["p_a"], row["p_rope"], row["p_b"], counted)
        elif row["variant_a"] == results.control:
            found[row["variant_b"]] = _Answer(row["p_b"], row["p_rope"], row["p_a"], counted)
    return {variant: found[variant] for variant in results.variants if variant in found}


def _drawing(results: Results, task: str, found: dict[str, _Answer], style: dict[str, Style]) -> Drawing:
    control = str(results.control)

    def plot(figure: Figure) -> None:
        axes = layout.single(figure, _ROW * len(found), left=1.45, right=0.2, below=0.45)
        for place, (variant, answer) in enumerate(found.items()):
            _row(axes, place, answer)
            look = style[variant]
            axes.plot(-0.045, place, color=look.colour, marker=look.marker, ms=5, ls="", clip_on=False, zorder=5)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_yticks(range(len(found)), [numbers.shorten(variant, 16) for variant in found])
        axes.tick_params(axis="y", length=0, pad=14)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.grid(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_xlabel(f"posterior probability, against {numbers.shorten(control, 16)}")
        axes.set_title(numbers.shorten(numbers.task_title(task), 40), x=-(1.4 / 2.55))
        layout.key(
            figure,
            [
                layout.Entry(name, {"color": colour, "marker": "s", "ms": 7, "ls": "", "alpha": 0.45, "mew": 0})
                for name, colour in _REGIONS.items()
            ],
        )

    listed = "; ".join(
        f"{variant} better {a.better:.2f}, equivalent {a.equivalent:.2f}, worse {a.worse:.2f}"
        for variant, a in found.items()
    )
    alt = f"{task}: posterior probabilities against {control}. {listed}."
    return draw(file_name(NAME, task), alt, _caption(results, task, found), plot)


def _row(axes: Axes, place: int, answer: _Answer) -> None:
    start = 0.0
    for (_, colour), p in zip(_REGIONS.items(), answer[:3], strict=True):
        if p <= 0:
            continue
        axes.barh(place, p, left=start, height=0.72, color=colour, alpha=0.45, lw=0)
        if p >= _ROOM:
            axes.text(start + p / 2, place, f"{p:.2f}", ha="center", va="center_baseline", fontsize=7.5)
        start += p


def _caption(results: Results, task: str, found: dict[str, _Answer]) -> str:
    counts = sorted({answer.n_datasets for answer in found.values()})
    over = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    metric = results.metric(task)
    own = results.posterior[results.posterior["task"] == task]
    rope = own["rope"].dropna().max() if len(own) else results.rope(task)
    points = " points" if metric in numbers.FRACTIONS else ""
    width = f" (within ±{rope * numbers.scale(metric):g}{points} of {numbers.label(metric)})" if rope else ""
    return (
        f"How probably a variant is practically better than {results.control}, practically equivalent{width} or worse:"
        f" Bayesian signed-rank test with its default prior over {over} datasets (Benavoli et al. 2014). Other priors,"
        " and the hierarchical model, are in stats/posterior.parquet."
    )
