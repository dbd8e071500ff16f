"""Prepare Tiny ImageNet's archive, or read random batches of it, in a process of its own; prints JSON.

`python once.py prepare|read ARCHIVE DATA`
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import ours

from dynconv.data import open_store

DATASET = "tiny_imagenet"
BATCH, BATCHES = 128, 30


def main() -> None:
    what, archive, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps(prepare(archive, data) if what == "prepare" else read(data)))


def prepare(archive: Path, data: Path) -> dict[str, float]:
    ours.declare(DATASET, archive)
    start_bytes, start = peak_bytes(), time.perf_counter()
    ours.make(DATASET, archive, data)
    return {"prepare_s": time.perf_counter() - start, "start_bytes": start_bytes, "peak_bytes": peak_bytes()}


def read(data: Path) -> dict[str, float]:
    """Medians over random batches, first with the files on disk only, then with them in memory."""
    folder = data / DATASET
    for path in folder.glob("*.npy"):
        forget(path)
    cold_s = statistics.median(ours.random_batches(DATASET, data, BATCH, BATCHES))
    start = time.perf_counter()
    open_store(folder, DATASET)  # reads all of it
    open_s = time.perf_counter() - start
    warm_s = statistics.median(ours.random_batches(DATASET, data, BATCH, BATCHES))
    return {"cold_s": cold_s, "open_s": open_s, "warm_s": warm_s}


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
