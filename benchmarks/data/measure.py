"""Images a second of several ways, in turns, so that whatever else the machine does falls on all of them."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """One way to do the work.  `call` does it once and returns its number of images."""

    name: str
    call: Callable[[], int]
    before: Callable[[], object] = lambda: None  # not timed


def in_turns(ways: Iterable[Way], turns: int) -> dict[str, list[float]]:
    """Images a second of each way, one figure a turn."""
    ways = list(ways)
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(turns):
        for way in ways:
            way.before()
            start = time.perf_counter()
            images = way.call()
            rates[way.name].append(images / (time.perf_counter() - start))
    return rates


def ratio(rates: dict[str, list[float]], name: str, other: str) -> float:
    """How many times the images a second of `other`: the median over the turns."""
    return statistics.median(a / b for a, b in zip(rates[name], rates[other], strict=True))


def fastest(rates: dict[str, list[float]], names: Iterable[str]) -> str:
    """The way of the highest median."""
    return max(names, key=lambda name: statistics.median(rates[name]))


def table(rates: dict[str, list[float]], first: str) -> str:
    """A row a way; the ratio is that of the way `first` to it."""
    rows = [
        (
            name,
            f"{statistics.median(found):,.0f}",
            f"{min(found):,.0f} to {max(found):,.0f}",
            "" if name == first else f"{ratio(rates, first, name):.2f}",
        )
        for name, found in rates.items()
    ]
    return markdown(["way", "images/s", "smallest to largest", f"{first} is ... times as fast"], rows)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
