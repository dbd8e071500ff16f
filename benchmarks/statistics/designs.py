"""Tables of results in which the truth is known: nothing differs in the mean, unless one variant is made worse."""

import zlib
from dataclasses import dataclass

import invented
import numpy as np
import real

FORMS = {
    "normal": invented.normal,
    "normal, one better": invented.better,
    "heavy tails": invented.heavy,
    "accuracies": invented.discrete,
    "unequal spread": invented.unequal,
    "skewed": invented.skewed,
    "seeds only": invented.seeds_only,
    "seeds only, unequal spread": invented.seeds_only_unequal,
    "A/A seeds": real.seeds,
    "A/A labels": real.labels,
}
WORSE = 0.15


@dataclass(frozen=True)
class Table:
    """`values` [variants, datasets, seeds]; `expected` [variants, datasets]: what infinitely many seeds would give."""

    values: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Design:
    """What a table looks like."""

    form: str
    variants: int
    datasets: int
    seeds: int
    worse: bool = False  # the last variant is, so that not all hypotheses are true

    def table(self, number: int) -> Table:
        """Table `number`: the same whatever else is drawn, and in whatever order."""
        rng = np.random.default_rng([zlib.crc32(repr(self).encode()), number])
        values, expected = FORMS[self.form](rng, (self.variants, self.datasets, self.seeds))
        if self.worse:
            lower = np.zeros((self.variants, 1))
            lower[-1] = WORSE
            values, expected = values - lower[..., None], expected - lower
        return Table(values, expected)

    @property
    def name(self) -> str:
        return self.form + ", one worse" * self.worse

    def __str__(self) -> str:
        return f"{self.name}, k = {self.variants}, N = {self.datasets}, {self.seeds} seeds"

    @property
    def names(self) -> list[str]:
        return [f"v{v:02}" for v in range(self.variants)]

    @property
    def equal(self) -> list[str]:
        """Names of the variants that truly do not differ from one another."""
        return self.names[: self.variants - self.worse]
