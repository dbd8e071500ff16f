"""Prepare Tiny ImageNet's archive, or read epochs of it with one thread, in a process of its own; prints JSON.

`python once.py prepare|read ARCHIVE DATA`
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ours

from dynconv.data import open_store

DATASET = "tiny_imagenet"
BATCH = 128


def main() -> None:
    what, archive, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps(prepare(archive, data) if what == "prepare" else read(data)))


def prepare(archive: Path, data: Path) -> dict[str, float]:
    ours.declare(DATASET, archive)
    start_bytes, start = peak_bytes(), time.perf_counter()
    ours.make(DATASET, archive, data)
    return {"prepare_s": time.perf_counter() - start, "start_bytes": start_bytes, "peak_bytes": peak_bytes()}


def read(data: Path) -> dict[str, float]:
    """Images a second of an epoch, with the files on disk only and then with them in memory."""
    epoch(ours.reader(DATASET, data, BATCH, threads=1))  # torch starts
    gc.collect()  # what is mapped cannot be forgotten
    for path in (data / DATASET).glob("*.npy"):
        forget(path)
    reader = ours.reader(DATASET, data, BATCH, threads=1)
    cold, warm = epoch(reader), epoch(reader)
    start = time.perf_counter()
    open_store(data / DATASET, DATASET)  # reads all of it
    return {"cold": cold, "warm": warm, "open_s": time.perf_counter() - start}


def epoch(read: Callable[[], int]) -> float:
    start = time.perf_counter()
    return read() / (time.perf_counter() - start)


def forget(path: Path) -> None:
    """Take a file out of the system's memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def peak_bytes() -> int:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
