"""The search of a study: the settings of the recipe that every variant tries before its runs.

The settings of a trial are a function of (seed, dataset, key, number of the draw) and of nothing else: every variant
tries the very same ones, and a search that is made longer keeps those that it had.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, get_args

import pydantic
from pydantic import Field

from dynconv.errors import valid
from dynconv.explain import Strict, meant, problems
from dynconv.recipe import UNCHANGED, Number, Recipe

NETWORK = ("depth", "width", "stem", "output_stride", "head")  # all variants of a study stand on the same one
TUNABLE = [name for name in Recipe.model_fields if name not in (*NETWORK, *UNCHANGED)]

_DRAWS = 100  # a trial: so many are drawn at most to find one that is new
Finite = Annotated[float, Number, Field(allow_inf_nan=False)]


class Range(Strict):
    """The numbers from `low` to `high`, drawn evenly on a linear or a logarithmic scale."""

    low: Finite
    high: Finite
    scale: Literal["linear", "log"] = "linear"

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low ({self.low:g}) must be above 0 on a logarithmic scale")
        return self

    def at(self, share: float, whole: bool) -> int | float:
        """The number at `share` (0 to 1, 1 excluded) of the way: to three digits, or a whole one."""
        low, high = self.low, self.high + whole  # each whole number has its own stretch of the scale
        if self.scale == "log":
            number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            number = low + share * (high - low)
        if whole:
            return min(math.floor(number), int(self.high))
        return min(max(float(f"{number:.3g}"), self.low), self.high)


class Tune(Strict):
    """How a study searches, with the same budget for every variant."""

    search: Literal["random", "grid"]
    keys: dict[str, Range | tuple[Any, ...]]  # of the recipe: the values that are tried
    trials: Annotated[int, Number, Field(ge=2)] | None = None  # random: of a dataset and variant, trial 0 included
    validation: Annotated[float, Number, Field(gt=0, lt=1)] = 0.2  # share of the training split that judges
    seed: Annotated[int, Number, Field(ge=0)] = 0  # of the draws, the cut and the training
    recipe: dict[str, Any] = Field(default_factory=dict)  # what differs during the search only: fewer epochs
    datasets: tuple[str, ...] = ("*",)  # names or patterns (ucr/*): where the search is made

    @pydantic.field_validator("keys", mode="before")
    @classmethod
    def _values(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValueError(f"a mapping of recipe keys to their values, as in lr: [0.01, 0.1]; {valid(TUNABLE)}")
        return {key: _values_of(key, given) for key, given in value.items()}

    @pydantic.field_validator("recipe", mode="before")
    @classmethod
    def _overrides(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("a mapping of recipe keys, as in epochs: 20")
        _known(value, list(Recipe.model_fields))
        return {key: _checked(key, given) for key, given in value.items()}

    @pydantic.model_validator(mode="after")
    def _together(self) -> "Tune":
        if both := sorted(set(self.keys) & set(self.recipe)):
            raise ValueError(f"{both[0]}: stands in keys and in recipe; valid: one of them")
        ranges = [key for key, values in self.keys.items() if isinstance(values, Range)]
        if self.search == "grid":
            if ranges:
                raise ValueError(f"keys.{ranges[0]}: a grid needs a list of values; valid: a list, or search: random")
            if self.trials is not None:
                raise ValueError("trials: a grid tries every combination of the values; valid: no trials")
            return self
        if self.trials is None:
            raise ValueError("trials: a random search needs their number, of each dataset and variant")
        count = math.prod(len(values) for values in self.keys.values() if not isinstance(values, Range))
        if not ranges and self.trials > count + 1:  # trial 0, the recipe as it stands, need not be one of them
            raise ValueError(f"trials: {self.trials}, but the keys have {count} combinations; valid: up to {count + 1}")
        return self

    def check(self, datasets: Iterable[str]) -> None:
        """Check that every entry of `datasets` stands for one of a study's; ValueError if not."""
        names = list(datasets)
        for pattern in self.datasets:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(f"tune.datasets: no dataset of the study is {pattern!r}; {valid(names)}")

    def covers(self, dataset: str) -> bool:
        """Is the search made on `dataset`?"""
        return any(fnmatchcase(dataset, pattern) for pattern in self.datasets)

    def settings(self, dataset: str, own: Recipe) -> tuple[dict[str, Any], ...]:
        """What each trial sets, in the order of the trials; nothing in trial 0, and no two trials are the same.

        Args:
            dataset: the draws of each are its own.
            own: the recipe of the dataset as it stands.

        Raises:
            ValueError: the ranges hold too few different numbers for so many trials.
        """
        points = self._grid() if self.trials is None else itertools.islice(self._draws(dataset), _DRAWS * self.trials)
        seen = {tuple(getattr(own, key) for key in self.keys)}
        found: list[dict[str, Any]] = [{}]
        while len(found) != self.trials and (point := next(points, None)) is not None:
            if point not in seen:
                seen.add(point)
                found.append(dict(zip(self.keys, point, strict=True)))
        if self.trials and len(found) < self.trials:
            raise ValueError(f"trials: {self.trials}, but the keys have few combinations; valid: up to {len(found)}")
        return tuple(found)

    def _grid(self) -> Iterator[tuple[Any, ...]]:
        return itertools.product(*(values for values in self.keys.values() if not isinstance(values, Range)))

    def _draws(self, dataset: str) -> Iterator[tuple[Any, ...]]:
        for number in itertools.count():
            yield tuple(self._draw(dataset, key, values, number) for key, values in self.keys.items())

    def _draw(self, dataset: str, key: str, values: Range | tuple[Any, ...], number: int) -> Any:
        share = _uniform(f"{self.seed}/{dataset}/{key}/{number}")
        if isinstance(values, Range):
            return values.at(share, _is_whole(key))
        return values[int(share * len(values))]


def _values_of(key: str, given: Any) -> Range | tuple[Any, ...]:
    """The values of one of the `keys`, checked one by one; ValueError."""
    if key in NETWORK:
        raise ValueError(f"{key}: fixes the network, which all variants share; {valid(TUNABLE)}")
    _known([key], TUNABLE)
    if isinstance(given, list | tuple) and given:
        values = tuple(_checked(key, value) for value in given)
        if twice := [value for place, value in enumerate(values) if value in values[:place]]:
            raise ValueError(f"{key}: {twice[0]} is listed twice; each value may stand there once")
        return values
    if not isinstance(given, dict):
        raise ValueError(f"{key}: {given!r} is no choice; valid: a list of values, or {{low: 0.001, high: 0.1}}")
    kinds = (_type(key), *get_args(_type(key)))  # `Positive | None` holds an annotated float
    if not {int, float} & {getattr(kind, "__origin__", kind) for kind in kinds}:
        raise ValueError(f"{key}: a range is for numbers; valid: a list of values")
    try:
        found = Range.model_validate(given)
    except pydantic.ValidationError as error:
        raise ValueError("; ".join(f"{key}: {line}" for line in problems(error, Range))) from None
    for end in (found.low, found.high):
        _checked(key, end)
    return found


def _known(keys: Iterable[str], names: list[str]) -> None:
    for key in keys:
        if key not in names:
            raise ValueError(f"unknown recipe key {key!r}{meant(str(key), names)}; {valid(names)}")


def _checked(key: str, value: Any) -> Any:
    """The value as the recipe has it; ValueError if it is none for that key."""
    try:
        return pydantic.TypeAdapter(Recipe.model_fields[key].rebuild_annotation()).validate_python(value)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{key}: {message[0].lower() + message[1:]}, not {value!r}") from None


def _type(key: str) -> Any:
    return Recipe.model_fields[key].annotation


def _is_whole(key: str) -> bool:
    return _type(key) is int


def _uniform(text: str) -> float:
    """A number in [0, 1) for a text, the same everywhere."""
    return (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 11) * 2.0**-53
