"""The critical-difference diagram (Demšar 2006): mean ranks on a line, and a bar for each clique.

A bar joins the members of a true clique, of which no pair is significantly different.  Such a set need not be
neighbours in rank: a bar has a dot at each member, and a gap at a variant that it passes by.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynconv.report import numbers
from dynconv.report.figures import layout
from dynconv.report.figures.drawing import Drawing, draw, file_name
from dynconv.report.figures.palette import Style, light, styles
from dynconv.report.results import Results
from dynconv.stats.verdict import ADJUSTED

NAME = "critical-difference"
MOST = 20  # bars that one diagram has room for
_TESTS = {
    "wilcoxon": "the Wilcoxon signed-rank test over datasets",
    "sign_flip": "joint sign flips over datasets",
    "welch_and_permutation": "Welch's and the permutation test over the seeds of this one dataset",
}
# Inches: room for the names at either side, from the axis to the first bar, between bars, between names.
_SIDE, _FIRST, _BAR, _ROW = 1.27, 0.13, 0.115, 0.2
_GAP = 0.05  # half of the gap in a bar


def drawings(results: Results) -> Iterator[Drawing]:
    """One figure for each task in which two variants or more have a mean rank."""
    style = styles(results.variants)
    for task in results.tasks:
        own = results.ranks[(results.ranks["task"] == task) & results.ranks["mean_rank"].notna()]
        if len(own) > 1:
            order = {variant: place for place, variant in enumerate(results.variants)}
            own = own.assign(place=own["variant"].map(order)).sort_values(["mean_rank", "place"])
            cliques = results.cliques[results.cliques["task"] == task].sort_values("clique")
            yield _drawing(results, task, own, cliques, style)


def _drawing(
    results: Results, task: str, ranks: pd.DataFrame, cliques: pd.DataFrame, style: dict[str, Style]
) -> Drawing:
    mean = dict(zip(ranks["variant"], ranks["mean_rank"], strict=True))
    joined = [[name for name in clique if name in mean] for clique in cliques["variants"]]
    bars = [clique for clique in joined if len(clique) > 1][:MOST]

    def plot(figure: Figure) -> None:
        rows = math.ceil(len(mean) / 2)
        names = _FIRST + _BAR * len(bars) + 0.12  # where the first name stands, below the axis
        height = names + (rows - 1) * _ROW + 0.12
        axes = layout.single(figure, height, left=0, right=0, above=0.62, below=0.02)
        axes.set_axis_off()
        axes.set_xlim(0, layout.WIDTH)
        axes.set_ylim(-height, 0)
        low, high = math.floor(min(mean.values())), math.ceil(max(mean.values()))
        high = max(high, low + 1)
        at = {v: _SIDE + 0.06 + (r - low) / (high - low) * (layout.WIDTH - 2 * _SIDE - 0.12) for v, r in mean.items()}
        _axis(axes, low, high)
        for place, (variant, x) in enumerate(at.items()):
            left = place < rows
            y = -names - _ROW * (place if left else len(at) - 1 - place)
            _name(axes, variant, mean[variant], x, y, left, style[variant])
        for place, clique in enumerate(bars):
            _bar(axes, -_FIRST - _BAR * place, [at[v] for v in clique], [x for v, x in at.items() if v not in clique])
        axes.text(0.05, 0.6, numbers.shorten(numbers.task_title(task), 40), fontsize=10, va="top")
        axes.text(layout.WIDTH / 2, 0.34, "mean rank (1: best)", ha="center", fontsize=8, color=light("muted"))

    ranked = ", ".join(f"{variant} {rank:.2f}" for variant, rank in mean.items())
    alt = f"{task}: mean ranks, best first: {ranked}. {_said(results, task, joined)}"
    caption = _caption(results, task, ranks, cliques, len(bars), len(joined))
    return draw(file_name(NAME, task), alt, caption, plot)


def _axis(axes: Axes, low: int, high: int) -> None:
    left, right = _SIDE + 0.06, layout.WIDTH - _SIDE - 0.06
    axes.plot([left, right], [0, 0], color=light("muted"), lw=1, clip_on=False)
    step = math.ceil((high - low) / 8)
    for rank in range(low, high + 1, step):
        x = left + (rank - low) / (high - low) * (right - left)
        axes.plot([x, x], [0, 0.06], color=light("muted"), lw=1, clip_on=False)
        axes.text(x, 0.11, str(rank), ha="center", fontsize=8, color=light("muted"))


def _name(axes: Axes, variant: str, rank: float, x: float, y: float, left: bool, look: Style) -> None:
    edge = _SIDE if left else layout.WIDTH - _SIDE
    axes.plot([x, x, edge], [0, y, y], color=look.colour, lw=0.9, solid_joinstyle="miter", clip_on=False, zorder=2)
    axes.plot(x, 0, color=look.colour, marker=look.marker, ms=5.5, ls="", clip_on=False, zorder=5)
    name = numbers.shorten(variant, 15)
    words, away, side = (f"{name} {rank:.2f}", -0.04, "right") if left else (f"{rank:.2f} {name}", 0.04, "left")
    axes.text(edge + away, y, words, ha=side, va="center_baseline", fontsize=7.5)


def _bar(axes: Axes, y: float, members: list[float], others: list[float]) -> None:
    """A bar from the first member to the last, with a gap wherever a variant that is no member passes."""
    for start, end in pairwise(members):
        edges = [start]
        for x in sorted(x for x in others if start < x < end):
            edges += [max(x - _GAP, edges[-1]), min(x + _GAP, end)]
        edges.append(end)
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            if b > a:
                axes.plot([a, b], [y, y], color=light("ink"), lw=2, solid_capstyle="butt", zorder=3)
    axes.plot(members, [y] * len(members), color=light("ink"), marker="o", ms=3.6, ls="", zorder=4)


def _said(results: Results, task: str, cliques: list[list[str]]) -> str:
    if cliques:
        listed = "; ".join(numbers.listing(clique) for clique in cliques[:MOST])
        return f"Not significantly different: {listed}."
    if "cliques" in results.rows and (results.pairwise["task"] == task).any():
        return "Every pair of variants is significantly different."
    return "Which differences are significant is not known."


def _caption(results: Results, task: str, ranks: pd.DataFrame, cliques: pd.DataFrame, drawn: int, every: int) -> str:
    n = int(ranks["n_datasets"].iloc[0])
    over = "the one dataset" if n == 1 else f"the {n} datasets that every variant has a value on"
    words = [f"Mean rank over {over}; 1 is best, ties share."]
    if every:
        pairs = results.pairwise[results.pairwise["task"] == task]
        tests = numbers.listing([_TESTS.get(test, test) for test in pairs["test"].dropna().unique()])
        adjusted = numbers.listing([ADJUSTED.get(name, name) for name in pairs["adjustment"].dropna().unique()])
        alpha = results.plan.get("analysis", {}).get("alpha")
        level = f" at level {alpha:g}" if alpha else ""
        words.append("A bar joins variants of which no two differ significantly; its dots are its members.")
        if tests and adjusted:
            words.append(f"Decided by {tests}, {adjusted} in its family or Holm-adjusted over all pairs{level}.")
    if drawn < every or not cliques["all_listed"].fillna(True).all():
        words.append(f"Drawn are {drawn} of {every} bars listed in stats/cliques.parquet.")
    elif not every:
        words.append(_said(results, task, []))
    return " ".join(words)
