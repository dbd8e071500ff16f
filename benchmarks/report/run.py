"""How long does the report of a large study take, how heavy is it, how fast does it open?

`python benchmarks/report/run.py`

128 datasets, 10 variants and 10 seeds, whose results `make_results.py` invents.  The peer makes a page of the same
tables in the plain way (`peer.py`).  Whole commands are timed, start-up included, in turns; opening is that of a
headless Chromium.  Takes about five minutes on 2 cores, most of them for the statistics of the invented results.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import make_results
import opening

HERE = Path(__file__).parent
LIMITS = {"made in": (60, "s"), "size": (15, "MB"), "opened in": (3, "s")}


def main() -> None:
    words = arguments()
    with tempfile.TemporaryDirectory(prefix="report-") as scratch:
        results = words.results or make_results.make(Path(scratch), make_results.design_of(words))
        pages = {name: Path(scratch, f"{name}.html") for name in ("dynconv", "peer")}
        commands = {
            "dynconv": ["-m", "dynconv.cli", "report", "--results", str(results), "--out", str(pages["dynconv"])],
            "peer": [str(HERE / "peer.py"), str(results), str(pages["peer"])],
        }
        taken = {name: [] for name in commands}
        for _ in range(words.turns):
            for name, command in commands.items():
                taken[name].append(seconds([sys.executable, *command]))
        opened = opening.seconds(pages, words.turns)
        sizes = {name: page.stat().st_size / 1e6 for name, page in pages.items()}
    made = {name: [statistics.median(of) for of in zip(*found, strict=True)] for name, found in taken.items()}
    print(f"cores: {len(os.sched_getaffinity(0))}, load before: {os.getloadavg()[0]:.1f}, turns: {words.turns}\n")
    print("| | dynconv report | pandas and pyplot | ratio | limit |\n|---|---|---|---|---|")
    rows = {
        "made in": ("s", [made[name][0] for name in pages]),
        "of the processor": ("s", [made[name][1] for name in pages]),
        "most memory": ("MB", [made[name][2] for name in pages]),
        "size": ("MB", [sizes[name] for name in pages]),
        "opened in": ("s", [opened[name][1] for name in pages]),
        "of it until `load`": ("s", [opened[name][0] for name in pages]),
    }
    for name, (unit, (ours, peer)) in rows.items():
        limit = f"{LIMITS[name][0]} {LIMITS[name][1]}" if name in LIMITS else ""
        print(f"| {name} | {ours:.3g} {unit} | {peer:.3g} {unit} | {ours / peer:.2f} | {limit} |")
    above = [name for name, (most, _) in LIMITS.items() if rows[name][1][0] > most]
    print(f"\n{'above the limit: ' + ', '.join(above) if above else 'all within their limits'}")
    if words.out:
        words.out.write_text(json.dumps({"made": taken, "opened": opened, "size_mb": sizes}, indent=1) + "\n")


def seconds(command: list[str]) -> tuple[float, float, float]:
    """Of the clock and of the processor, and megabytes of memory at most."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3  # Linux counts kB


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    make_results.add_options(parser)
    parser.add_argument("--results", type=Path, help="a results folder that is there already (its figures are redrawn)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, help="where all numbers go, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
