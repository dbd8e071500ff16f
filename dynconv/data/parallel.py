"""Work on many files at once, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_AHEAD = 4  # results a thread that may wait to be taken: what bounds the memory


def in_order(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """`map(make, items)` by as many threads as there are CPUs; at most a few results are held at a time.

    Reading and decoding images release the interpreter's lock.
    """
    threads = len(os.sched_getaffinity(0))
    rest = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Made]] = deque(pool.submit(make, item) for item in islice(rest, _AHEAD * threads))
        try:
            while ahead:
                made = ahead.popleft().result()
                ahead.extend(pool.submit(make, item) for item in islice(rest, 1))
                yield made
        finally:
            for waiting in ahead:
                waiting.cancel()
