"""How long a call takes, once it has warmed up: as many repeats as fit in a time that is given."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

ENOUGH = 20  # repeats, if there is time: the fewest of which one lies beyond the 95th percentile
LEAST = 5  # repeats, whatever they take
STEADY = 3  # calls in a row that are no faster than those before: it is warm


class Pace(NamedTuple):
    """For how long a call is timed.

    Warming up takes `limit_s` / 4 at most, and one call at least.  Timing takes `aim_s` at least, up to `limit_s` where
    `ENOUGH` repeats take longer, and more only where `LEAST` do.
    """

    aim_s: float
    limit_s: float
    block_s: float = 0.0  # calls are timed together until they take as long as this; 0: one by one


class Timing(NamedTuple):
    """Seconds of one call, repeat by repeat."""

    seconds: list[float]

    def percentile(self, share: float) -> float | None:
        """The value below which `share` (0 to 1) of the repeats lie; None if they are too few for one to lie beyond."""
        if round(len(self.seconds) * min(share, 1 - share), 9) < 1:
            return None
        return float(np.quantile(self.seconds, share))

    def rate(self, name: str, examples: int) -> dict[str, float | None]:
        """Columns of the examples a second where a call takes `examples`: the median, and the quartiles."""
        slow, middle, fast = (self.percentile(share) for share in (0.75, 0.5, 0.25))
        values = {name: middle, f"{name}_q25": slow, f"{name}_q75": fast}
        return {key: value and examples / value for key, value in values.items()}


def timed(call: Callable[[], object], device: torch.device, pace: Pace) -> Timing:
    """Time `call` on `device`, which has finished all work before each repeat begins and before it ends."""

    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # what was asked for is done; the host is usually ahead
        return (time.perf_counter() - start) / calls

    begun = time.perf_counter()
    best, same = math.inf, 0
    while same < STEADY and (math.isinf(best) or time.perf_counter() - begun < pace.limit_s / 4):
        last = seconds(1)
        same = 0 if last < 0.98 * best else same + 1
        best = min(best, last)
    calls = max(1, math.ceil(pace.block_s / max(best, 1e-9)))
    begun, repeats = time.perf_counter(), [seconds(calls)]
    while (
        len(repeats) < LEAST
        or (spent := time.perf_counter() - begun) < pace.aim_s
        or (len(repeats) < ENOUGH and spent < pace.limit_s)
    ):
        repeats.append(seconds(calls))
    return Timing(repeats)
