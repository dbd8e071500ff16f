"""Samples a second of several ways, in turns, so that whatever else the machine does falls on all of them."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

SETTLE_S = 0.3  # after a turn: a loader's workers fill their queue, and must not do so in the next way's time


@dataclass(frozen=True)
class Way:
    """One way to do the work.  `call` does one batch and returns its number of samples."""

    name: str
    call: Callable[[], int]
    lead: int = 3  # batches before the clock starts: more than a loader may have lying ready


def rate(way: Way, seconds: float, device: torch.device) -> float:
    """Samples a second over at least `seconds`."""
    for _ in range(way.lead):
        way.call()
    _finish(device)
    samples, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        samples += way.call()
    _finish(device)
    elapsed = time.perf_counter() - start
    time.sleep(SETTLE_S)
    return samples / elapsed


def in_turns(ways: Sequence[Way], seconds: float, turns: int, device: torch.device) -> dict[str, list[float]]:
    """The rates of each way, one a turn."""
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(turns):
        for way in ways:
            rates[way.name].append(rate(way, seconds, device))
    return rates


def table(rates: dict[str, list[float]], against: Iterable[str]) -> str:
    """A row a way; a ratio is the median of the ratios of a turn."""
    against = list(against)
    head = ["way", "samples/s", "smallest to largest", *(f"times {name}" for name in against)]
    rows = [head, ["---"] * len(head)]
    for name, found in rates.items():
        row = [name, f"{statistics.median(found):,.0f}", f"{min(found):,.0f} to {max(found):,.0f}"]
        rows.append([*row, *(f"{ratio(rates, name, other):.3g}" for other in against)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def ratio(rates: dict[str, list[float]], name: str, other: str) -> float:
    """How many times the samples a second of `other`."""
    return statistics.median(a / b for a, b in zip(rates[name], rates[other], strict=True))


def _finish(device: torch.device) -> None:
    """A GPU works behind the program's back: the clock waits for it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
