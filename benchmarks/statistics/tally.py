"""Shares with their Monte-Carlo error, and Markdown tables of them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """`hits` of `of` tables; there is at least one."""

    hits: float
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of

    @property
    def error(self) -> float:
        """Monte-Carlo standard error."""
        return math.sqrt(self.value * (1 - self.value) / self.of)

    def above(self, level: float) -> bool:
        """By more than three standard errors of a share that is truly `level`."""
        return self.value > level + 3 * math.sqrt(level * (1 - level) / self.of)

    def outside(self, low: float, high: float) -> bool:
        return self.above(high) or Share(self.of - self.hits, self.of).above(1 - low)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f}"

    def __format__(self, form: str) -> str:
        """In percent; `e`: with the error."""
        return f"{self} ± {100 * self.error:.1f}" if form == "e" else str(self)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
