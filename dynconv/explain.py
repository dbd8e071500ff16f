"""What a schema found wrong, told by key: the file's words, not the validator's."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import pydantic

from dynconv.errors import valid


class Strict(pydantic.BaseModel):
    """A frozen schema that refuses keys it does not know."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


def problems(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> Iterator[str]:
    """One line a problem: the key, what is wrong with it, and what would be valid."""
    for problem in error.errors():
        location = problem["loc"]
        where = ".".join(map(str, location))
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if problem["type"] == "extra_forbidden":
            fields = _fields_at(model, location[:-1])
            yield f"{where}: unknown key{meant(str(location[-1]), fields)}; {valid(fields)}"
        elif problem["type"] == "missing":
            yield f"{where}: this key is required"
        elif problem["type"] == "value_error":
            yield f"{where}: {message}" if where else message
        else:
            yield f"{where}: {message[0].lower() + message[1:]}, not {problem['input']!r}"


def _fields_at(model: type[pydantic.BaseModel], location: tuple) -> list[str]:
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        annotation = current.model_fields[part].annotation
        nested = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, Strict)]
        current = nested[0] if nested else current
    return list(current.model_fields)


def meant(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` where a known name is close to `word`, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
