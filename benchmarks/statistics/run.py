"""How often is the comparison wrong, do its intervals hold, how fast is it?  `python benchmarks/statistics/run.py`

Draws tables in which the truth is known (`designs.py`: seeds nested in datasets, and A/A splits of real results) and
counts false rejections and intervals that miss, for dynconv and for other packages as their users call them; then times
`dynconv compare` (`speed.py`).  Some 4 minutes on 2 cores, for a first look: Monte-Carlo errors of 3 points and more.
`--tables 1000 --peer-datasets 8 32 128` takes some two hours and gives errors of 0.7 points.
"""

import argparse
import os
import platform
from datetime import UTC, datetime

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tables are small; a process a core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
import scipy
import speed
import tables
from calibration import DATASETS

PARTS = {
    "errors": tables.errors,
    "coverage": tables.coverage,
    "single": tables.single,
    "peers": tables.peers,
    "speed": speed.show,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tables", type=int, default=50, help="of each design; a quarter of them for the peers")
    parser.add_argument("--variants", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--datasets", type=int, nargs="+", default=DATASETS)
    parser.add_argument("--peers", nargs="+", default=[""], help="only those whose names hold one of these words")
    parser.add_argument("--peer-datasets", type=int, nargs="+", default=[32])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap intervals")
    parser.add_argument("--turns", type=int, default=1, help="of each timed command")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    words = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; numpy {numpy.__version__}, scipy {scipy.__version__}",
        flush=True,
    )
    for part in words.parts:
        PARTS[part](words)


if __name__ == "__main__":
    main()
