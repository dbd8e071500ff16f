"""How often is the comparison wrong, do its intervals hold, how fast is it?  `python benchmarks/statistics/run.py`

Draws tables in which the truth is known (`designs.py`: seeds nested in datasets, and A/A splits of real results) and
counts false rejections and intervals that miss, for dynconv and for other packages as their users call them; then times
`dynconv compare` (`speed.py`).  Some 4 minutes on 2 cores, for a first look; `--tables 1000` gives the figures of
docs/benchmarks.md in an hour.
"""

import argparse
import os
import platform
from datetime import UTC, datetime

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # tables are small; a process a core

import numpy
import scipy
import speed
import tables
from calibration import DATASETS

PARTS = {"errors": tables.errors, "coverage": tables.coverage, "peers": tables.peers, "speed": speed.show}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tables", type=int, default=100, help="of each design; a quarter of them for the peers")
    parser.add_argument("--variants", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--datasets", type=int, nargs="+", default=DATASETS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap intervals")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    words = parser.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; numpy {numpy.__version__}, scipy {scipy.__version__}",
        flush=True,
    )
    for part in words.parts:
        PARTS[part](words)


if __name__ == "__main__":
    main()
