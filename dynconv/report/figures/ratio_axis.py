"""A log axis of costs relative to the control's."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from dynconv.report.numbers import TIMES

_WIDE = [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000]
_NARROW = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.5, 3, 4]


def ratio_axis(axes: Axes, *, few: bool = False) -> None:
    """Round ticks and room for the marks; `few`: at most four ticks, for a small panel."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    low, high = min(low / 1.03, 0.8), max(high * 1.03, 1.25)
    candidates = np.array(_WIDE if high / low > 4 else _NARROW)
    ticks = candidates[(candidates >= low) & (candidates <= high)]
    if few and len(ticks) > 4:
        step = -(-len(ticks) // 4)
        ticks = ticks[int(np.flatnonzero(ticks == 1)[0]) % step :: step]  # 1 is always one of them
    axes.set_xlim(low, high)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}{TIMES}"))
    axes.xaxis.set_minor_locator(NullLocator())
