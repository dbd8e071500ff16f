"""How much faster are two processes than one?  `python benchmarks/training/scaling.py`

`dynconv train` of one study, alone and with DDP, in turns: the run's own samples a second.  Each process has one CPU
thread (or one GPU), so that two processes have twice the machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from dynconv import records
from dynconv.data.prepare import prepare

DATASET = "tiny_imagenet"  # its toy: few images, of the real size
PROGRAMS = Path(sys.executable).parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--strategy", choices=["ddp", "deepspeed"], default="ddp")
    parser.add_argument("--variant", default="vanilla")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=32, help="of all processes together")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scaling-") as scratch:
        folder = Path(scratch)
        prepare(DATASET, folder / "data", toy=True)
        recipe = {"width": words.width, "epochs": 2, "batch_size": words.batch, "lr": 0.01}
        study = {"name": "scaling", "datasets": [DATASET], "seeds": [0], "recipes": {"classification": recipe}}
        study["variants"] = sorted({"vanilla", "odconv", words.variant})  # a study has two at least
        (folder / "study.yaml").write_text(yaml.safe_dump(study))
        rates: dict[int, list[float]] = {count: [] for count in words.processes}
        for turn in range(words.turns):
            for count in words.processes:
                rates[count].append(samples_per_s(folder, count, words))
                print(f"turn {turn + 1}: {count} processes  {rates[count][-1]:,.0f} samples/s", flush=True)
    first = words.processes[0]
    what = f"{words.variant}, width {words.width:g}, 64x64 pixels, batch {words.batch}"
    print(f"\n{what}, {words.strategy}, {words.device}, one thread a process")
    print(f"{'processes':>9}  {'samples/s':>10}  {'min':>8}  {'max':>8}  {f'over {first}':>8}")
    for count, seen in rates.items():
        ratio = statistics.median(b / a for a, b in zip(rates[first], seen, strict=True))
        print(f"{count:>9}  {statistics.median(seen):>10,.0f}  {min(seen):>8,.0f}  {max(seen):>8,.0f}  {ratio:>8.2f}")


def samples_per_s(folder: Path, count: int, words: argparse.Namespace) -> float:
    out = folder / "out"
    command = [PROGRAMS / "dynconv", "train", "--study", folder / "study.yaml", "--dataset", DATASET, "--seed", "0"]
    command += ["--variant", words.variant, "--out", out, "--data", folder / "data", "--device", words.device]
    command += ["--threads", "1", "--strategy", words.strategy, "--toy"]
    if count > 1:
        start = [PROGRAMS / "torchrun", "--standalone", f"--nproc-per-node={count}", "--no-python"]
        command = [*start, *command]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([str(word) for word in command], check=True, capture_output=True, env=env)
    return records.read("runs", out / "run.parquet").to_pylist()[0]["samples_per_s"]


if __name__ == "__main__":
    main()
