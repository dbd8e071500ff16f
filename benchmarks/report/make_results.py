"""A results folder as a large study leaves it, made in a minute.  `python benchmarks/report/make_results.py FOLDER`

FOLDER gets `results/` and `logs/`, as the folder of a workflow has them.  The numbers are invented: a difficulty for
each dataset, an effect for each variant, their interaction and the noise of a seed.  What is made of them is real: the
tables are written as `dynconv collect` writes them, and the statistics are those of `dynconv compare`, with nothing
left out.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import rows
import sheets
from design import Design
from lost import logs

from dynconv import records
from dynconv.collect import _union
from dynconv.files import write_text


def make(folder: Path, design: Design) -> Path:
    """Write `folder/results` and `folder/logs`; returns the results folder."""
    results = folder / "results"
    write_text(results / "study.yaml", design.study())
    runs = rows.runs(design)
    tables = results / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    _union("runs", [records.to_table("runs", runs)], tables / "runs.parquet")
    ended = [run for run in runs if run["status"] == "ok"]
    for name, of_run in (
        ("metrics", rows.metrics),
        ("predictions", rows.predictions),
        ("diagnostics", rows.diagnostics),
    ):
        _union(name, of_run(design, ended), tables / f"{name}.parquet")
    records.write("profile", rows.profile(design), tables / "profile.parquet")
    sheets.write(results / "samples", design)
    logs(folder, [run for run in runs if run["status"] != "ok"])
    compare(results)
    return results


def compare(results: Path) -> None:
    """The statistics of the folder, through the command."""
    tables = results / "tables"
    words = [str(tables / "runs.parquet"), "--out", str(results / "stats"), "--study", str(results / "study.yaml")]
    words += ["--predictions", str(tables / "predictions.parquet"), "--profile", str(tables / "profile.parquet")]
    subprocess.run([sys.executable, "-m", "dynconv.cli", "compare", *words], check=True, stdout=subprocess.DEVNULL)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What a design is made of."""
    parser.add_argument("--datasets", type=int, default=128)
    parser.add_argument("--variants", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--looks", type=int, default=4, help="of the diagnostics, a run")
    parser.add_argument("--examples", type=int, default=20, help="of a test split")
    parser.add_argument("--failed", type=int, default=60, help="runs")
    parser.add_argument("--all-tasks", action="store_true", help="not time series alone: seven sets of images first")


def design_of(words: argparse.Namespace) -> Design:
    """The design that the options describe."""
    counts = {name: getattr(words, name) for name in ("datasets", "variants", "seeds", "epochs", "looks", "examples")}
    return Design(**counts, failed=words.failed, all_tasks=words.all_tasks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    add_options(parser)
    words = parser.parse_args()
    print(make(words.folder, design_of(words)))


if __name__ == "__main__":
    main()
