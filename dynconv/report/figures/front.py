"""The Pareto front as a line: steps through the variants that no other one beats in both quality and cost."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from dynconv.report.figures.palette import light

Points = Mapping[str, tuple[float, float]]  # variant -> (cost, gain): less cost and more gain are better


def undominated(points: Points) -> list[str]:
    """The variants than which none is at least as good and as cheap, and better in one (as `stats/pareto` has it)."""
    return [
        name
        for name, (cost, gain) in points.items()
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points.values())
    ]


def ordered(points: Points, members: Sequence[str]) -> list[str]:
    """The members, the cheapest first; none where one has no point, or where the points contradict the front."""
    if any(name not in points for name in members):
        return []
    found = sorted(members, key=points.__getitem__)
    gains = [points[name][1] for name in found]
    return found if gains == sorted(gains) else []


def steps(axes: Axes, corners: Sequence[tuple[float, float]]) -> None:
    """Draw the front from its cheapest member to the right end of the axes, whose limits must be final."""
    if not corners:
        return
    costs, gains = ([point[place] for point in corners] for place in (0, 1))
    axes.plot(
        [*costs, axes.get_xlim()[1]],
        [*gains, gains[-1]],
        drawstyle="steps-post",
        color=light("muted"),
        lw=1.1,
        ls=(0, (4, 2)),
        zorder=2,
    )
