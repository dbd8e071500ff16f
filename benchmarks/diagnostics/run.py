"""What do diagnostics cost?  `python benchmarks/diagnostics/run.py`

Trains runs of the demo's study (config/demo.yaml; on real data, one thread) and takes the processor's time of the looks
apart from that of the training, in the same run.  Time of the processor rather than of the clock: neighbours on a busy
machine do not count.
"""

import tempfile
import time
from pathlib import Path

import torch

from dynconv import study
from dynconv.data.prepare import prepare
from dynconv.engine import train
from dynconv.engine.diagnostics import Diagnostics
from dynconv.engine.run import train_run
from dynconv.study import RunKey

GOAL = 0.03
DATASETS = ("digits", "ucr/GunPoint")
VARIANTS = ("vanilla", "hard_attention", "soft_local", "soft_global", "odconv", "odconv_static", "odconv_4x")
OPTIONS = {"name": "odconv_4x", "base": "odconv", "options": {"kernel_num": 4}}


class Timed(Diagnostics):
    """Counts what it costs."""

    looks, seconds = 0, 0.0

    def after(self, *args):
        start = time.process_time()
        wall = super().after(*args)
        Timed.seconds += time.process_time() - start
        Timed.looks += wall > 0
        return wall


def timed_fit(*args):
    """The training loop, and the processor's time that it took."""
    start = time.process_time()
    cause = fit(*args)
    timed_fit.seconds = time.process_time() - start
    return cause


fit = train.fit
train.fit, train.Diagnostics = timed_fit, Timed


def main() -> None:
    demo = study.load(Path(__file__).parents[2] / "config/demo.yaml").model_dump(mode="json", exclude={"tune"})
    demo["variants"] = [OPTIONS if name == "odconv_4x" else name for name in VARIANTS]
    plan = study.parse(demo, "config/demo.yaml")
    print(f"torch {torch.__version__}, one thread, the demo's recipes; processor's time")
    print("dataset        variant          steps  looks  a look, steps  share of the training")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "data")
        for dataset in DATASETS:
            prepare(dataset, store)
            for variant in VARIANTS:
                Timed.looks, Timed.seconds = 0, 0.0
                out = Path(folder, variant, dataset)
                row = train_run(plan, RunKey(dataset, variant, 0), out, store, device_name="cpu", threads=1, say=str)
                training = timed_fit.seconds - Timed.seconds
                cost = Timed.seconds / Timed.looks / (training / row["steps"])
                share = Timed.seconds / training
                print(
                    f"{dataset:<14} {variant:<15} {row['steps']:>6} {Timed.looks:>6} {cost:>14.2f} {share:>13.1%}"
                    + ("" if share < GOAL else f"  above {GOAL:.0%}")
                )


if __name__ == "__main__":
    main()
