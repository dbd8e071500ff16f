"""Values that a study may get wrong, refused in one line."""

import math
from typing import Any

from dynconv.errors import DynconvError


def whole(where: str, name: str, value: Any, least: int = 1) -> None:
    """Raise DynconvError unless `value` is an integer of at least `least`; `where` and `name` say which value."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DynconvError(f"{where}: {name} is {value!r}; valid: an integer of at least {least}")


def positive(where: str, name: str, value: Any, most: float = math.inf) -> None:
    """Raise DynconvError unless `value` is a finite number above 0 and at most `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most or value == math.inf:
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise DynconvError(f"{where}: {name} is {value!r}; valid: a number above 0{limit}")
