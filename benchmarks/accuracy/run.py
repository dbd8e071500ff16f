"""Does the full recipe reach what is published?  `python benchmarks/accuracy/run.py`

Trains `vanilla` by the recipe of config/config.yaml on real UCR datasets that come with aeon, by `dynconv prepare` and
`dynconv train` as in any study, and sets its test accuracy beside published ones: InceptionTime (Ismail Fawaz et al.
2020) on 30 resamples of each dataset, the first of them the archive's own split, from the file that aeon carries; and
the ResNet of Wang et al. (2017), Time series classification from scratch, table I.

The band: the mean over seeds lies within two percentage points of the mean of the 30 published resamples.  (Two points
are three of GunPoint's 150 test series.)  Some 15 minutes a run on one CPU core.
"""

import argparse
import csv
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

import pandas
import yaml

ROOT = Path(__file__).parents[2]
WANG = {"GunPoint": 0.993, "ItalyPowerDemand": 0.960, "OSULeaf": 0.979}  # 1 - the table's error
BAND = 0.02
RESULTS = "testing/example_results_files/classification/accuracy/InceptionTime_accuracy.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--datasets", nargs="+", choices=list(WANG), default=["GunPoint", "ItalyPowerDemand"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep runs and data here, and continue what is there")
    words = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores; {words.seeds} seeds; one CPU thread a run")
    with tempfile.TemporaryDirectory(prefix="accuracy-") as scratch:
        rows = measure(words.datasets, words.seeds, words.out or Path(scratch))
    head = ["dataset", "here", "InceptionTime, the archive's split", "its 30 resamples", "Wang's ResNet", "in the band"]
    print(line(head), line(["---"] * len(head)), sep="\n")
    outside = 0
    for name, here in rows.items():
        published = resamples(name)
        inside = abs(fmean(here) - fmean(published)) <= BAND
        outside += not inside
        print(line([name, spread(here), f"{published[0]:.4f}", spread(published), f"{WANG[name]:.3f}", str(inside)]))
    sys.exit(1 if outside else 0)


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    return f"{fmean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def measure(names: list[str], seeds: int, out: Path) -> dict[str, list[float]]:
    """Test accuracy of each seed, by dataset."""
    content = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    content |= {"name": "accuracy", "datasets": [f"ucr/{name}" for name in names], "seeds": seeds}
    out.mkdir(parents=True, exist_ok=True)
    study = out / "study.yaml"
    study.write_text(yaml.safe_dump(content))
    found = {}
    for name in names:
        dynconv("prepare", f"ucr/{name}", "--no-download", "--data", out / "data")
        found[name] = [train(study, name, seed, out) for seed in range(seeds)]
    return found


def train(study: Path, name: str, seed: int, out: Path) -> float:
    """The accuracy of one run; one that `--out` holds already is not trained again."""
    folder = out / "runs" / name / f"seed{seed}"
    if not (folder / "run.parquet").exists():
        run = ("--dataset", f"ucr/{name}", "--variant", "vanilla", "--seed", seed, "--out", folder)
        dynconv("train", "--study", study, *run, "--data", out / "data", "--device", "cpu", "--threads", 1)
    row = pandas.read_parquet(folder / "run.parquet").iloc[0]
    print(f"{row.run_id}: {row.accuracy:.4f}, {row.train_s:.0f} s", flush=True)
    return float(row.accuracy)


def dynconv(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "dynconv.cli", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def resamples(name: str) -> list[float]:
    """Published accuracies of InceptionTime."""
    package = Path(importlib.util.find_spec("aeon").origin).parent
    with (package / RESULTS).open() as file:
        return next([float(value) for value in row[1:]] for row in csv.reader(file) if row and row[0] == name)


if __name__ == "__main__":
    main()
