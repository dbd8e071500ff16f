"""How long `dynconv compare` takes, beside other packages on the same table: whole commands, start-up included."""

import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
from designs import Design
from tally import markdown

HERE = Path(__file__).parent
# Variants, seeds, options of dynconv, peers that are asked to do the like.
CASES = (
    (5, 10, [], ["autorank", "aeon"]),
    (40, 30, ["--no-posterior"], ["aeon"]),
)


def show(words: Namespace) -> None:
    """128 datasets; a row a command, in turns."""
    for variants, seeds, options, others in CASES:
        with tempfile.TemporaryDirectory(prefix="statistics-") as scratch:
            table = Path(scratch, "table.csv")
            frame(Design("accuracies", variants, 128, seeds)).to_csv(table, index=False)
            out = ["--control", "v00", "--out", str(Path(scratch, "out"))]
            commands = {"dynconv compare": [sys.executable, "-m", "dynconv.cli", "compare", str(table), *out, *options]}
            for package in others:
                if importlib.util.find_spec(package):
                    commands[package] = [sys.executable, str(HERE / "speed_peers.py"), package, str(table)]
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
            for _ in range(words.turns):
                for name, command in commands.items():
                    taken[name].append(seconds(command))
        print(f"\n128 datasets, {variants} variants, {seeds} seeds {' '.join(options)}; {words.turns} turns\n")
        ours = np.median(taken["dynconv compare"], axis=0)
        rows = []
        for name, found in taken.items():
            wall, processor = np.median(found, axis=0)
            rows.append(
                [name, f"{wall:.1f}", f"{processor:.1f}", f"{wall / ours[0]:.2f}", f"{processor / ours[1]:.2f}"]
            )
        head = ["", "seconds", "of the processor", "seconds over dynconv's", "of the processor"]
        print(markdown(head, rows), flush=True)


def frame(design: Design) -> pd.DataFrame:
    """A row a dataset, variant and seed."""
    values = design.table(0).values
    v, d, s = (index.ravel() for index in np.indices(values.shape))
    names = np.array(design.names)
    return pd.DataFrame({"dataset": [f"d{i:03}" for i in d], "variant": names[v], "seed": s, "value": values.ravel()})


def seconds(command: list[str]) -> tuple[float, float]:
    """Of the clock, and of the processor; with as many threads as there are cores."""
    alone = {
        name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=alone, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
