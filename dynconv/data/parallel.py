"""Work on many files at once, in order."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_AHEAD = 4  # results a thread that may wait to be taken: what bounds the memory
_TRIED = 8  # items that are timed first
_WORTH_S = 5e-4  # an item's time from which on threads pay: below it they mostly hand the interpreter's lock about


def in_order(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """`map(make, items)`; where an item takes long, by as many threads as there are CPUs.

    At most a few results are held at a time.  Reading and decoding images release the interpreter's lock, but a JPEG of
    64 pixels is decoded in the time that it takes to give the lock away.
    """
    rest = iter(items)
    yield from map(make, islice(rest, 1))  # not timed: it may import what all need
    began = time.perf_counter()
    tried = [make(item) for item in islice(rest, _TRIED)]
    quick = time.perf_counter() - began < _WORTH_S * len(tried)
    yield from tried
    yield from map(make, rest) if quick else _by_threads(make, rest)


def _by_threads(make: Callable[[Item], Made], rest: Iterator[Item]) -> Iterator[Made]:
    threads = len(os.sched_getaffinity(0))
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
