"""How fast runs finish, and how long the rest will take, from what has been seen and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

WINDOW_S = 3600.0  # how far back the rate looks
_LEAST = 3  # runs without which there is no rate


@dataclass(frozen=True)
class Pace:
    """`per_hour` runs have finished lately; the rest will take `left_s` at that pace.  None: too little was seen."""

    per_hour: float | None = None
    left_s: float | None = None
    unseen: int = 0  # runs of the rest whose (dataset, variant) has never finished: their time is that of the others


UNKNOWN = Pace()


def pace(
    finished: Iterable[Mapping[str, Any]], rest: Sequence[tuple[str, str]], now: float, window_s: float = WINDOW_S
) -> Pace:
    """The pace of the last `window_s`, or of the time since the first of the runs that finished in it has started.

    The work of a run is the mean training time of finished runs of its dataset and variant, else of its dataset, else
    of all.  The time left is the work of the rest over the work that was done a second: waiting in the queue, starts,
    and how many run at a time are in it, as they were lately.

    Args:
        finished: rows with dataset, variant, train_s, started_at and finished_at (s since 1970, or None).
        rest: (dataset, variant) of every run that is still to finish.
        now: s since 1970.
        window_s: seconds to look back.
    """
    timed = [row for row in finished if row["train_s"] and row["finished_at"]]
    recent = [row for row in timed if now - window_s <= row["finished_at"] <= now]
    if len(recent) < _LEAST:
        return UNKNOWN
    first = min(row["finished_at"] if row["started_at"] is None else row["started_at"] for row in recent)
    span = now - max(now - window_s, first)
    if span <= 0:
        return UNKNOWN
    cells: dict[tuple[str, ...], list[float]] = {}
    for row in timed:
        for key in ((row["dataset"], row["variant"]), (row["dataset"],), ()):
            cells.setdefault(key, []).append(row["train_s"])
    means = {key: fmean(seconds) for key, seconds in cells.items()}
    work = sum(means.get((d, v), means.get((d,), means[()])) for d, v in rest)
    done = sum(row["train_s"] for row in recent)
    unseen = sum((d, v) not in means for d, v in rest)
    return Pace(len(recent) * 3600 / span, work / done * span, unseen)
