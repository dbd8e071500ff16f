"""How much faster than torchvision's reference loop does dynconv train?  `python benchmarks/training/run.py`

The data alone, and the whole step with ResNet-18.  Both sides see the same pixels, and are timed in turns in one
process; a figure is the median of the turns.  The peer has its best number of workers, and its start is not counted.
"""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import images
import ours
import peer
import torch
import torchvision
from measure import Way, in_turns, ratio, table

import dynconv.models

BATCH = 128
STEP_BATCH = {"cpu": 16, "cuda": 128}  # on a CPU, so that a step ends within seconds
CLASSES, EACH = 200, 30
GOALS = {"data": 10, "step on cuda": 2}
PARTS = ("data", "step")


def main() -> None:
    words = arguments()
    device = torch.device(words.device)
    if words.quick:
        classes, each, seconds, turns = 20, 50, min(words.seconds, 1.0), 2
    else:
        classes, each, seconds, turns = CLASSES, EACH, words.seconds, words.turns
    print(about(device), flush=True)
    with tempfile.TemporaryDirectory(prefix="training-") as scratch:
        made = images.make(Path(scratch), classes, each)
        print(
            f"{classes} classes of {each} images (Tiny ImageNet: 200 of 500), {images.SIDE}x{images.SIDE} pixels, "
            f"JPEG files of {made.file_bytes:,.0f} bytes; {turns} turns of {seconds:g} s",
            flush=True,
        )
        if words.part in ("data", "all"):
            data_path(made, words.workers, seconds, turns, device)
        if words.part in ("step", "all"):
            whole_step(made, words.workers, seconds, turns, device)


def data_path(made: images.Images, workers: list[int], seconds: float, turns: int, device: torch.device) -> None:
    """Read, crop, flip and normalise, onto the device."""
    print(f"\nThe data alone, batches of {BATCH}\n", flush=True)
    loader = peer.best_loader(made, BATCH, workers, seconds, device)
    data = ours.Data(made, BATCH, device)
    ways = [
        Way("dynconv", lambda: len(data.next()[0])),
        Way("dynconv, get then augment", lambda: len(data.next_in_two()[0])),
        loader.way(),
    ]
    rates = in_turns(ways, seconds, turns, device)
    print(f"\n{table(rates, [ways[-1].name])}")
    gain = ratio(rates, "dynconv", ways[-1].name)
    print(f"\ndata: {gain:.1f} times the samples a second of the peer; the goal is {GOALS['data']}", flush=True)


def whole_step(made: images.Images, workers: list[int], seconds: float, turns: int, device: torch.device) -> None:
    """Data, forward, backward and update."""
    batch = STEP_BATCH[device.type]
    print(f"\nThe whole step of ResNet-18 on {device.type}, batches of {batch}\n", flush=True)
    loader = peer.best_loader(made, batch, workers, seconds, device)
    model = dynconv.models.build("vanilla", num_classes=200).to(device)
    # On a CPU a step takes long and no loader is ever short: one batch before the clock starts is enough.
    lead = 1 if device.type == "cpu" else 2 * loader.workers + 10
    ways = [Way("dynconv", ours.steps(model, ours.Data(made, batch, device), device), lead)]
    kinds = {"peer": False, "peer, mixed precision": True} if device.type == "cuda" else {"peer": False}
    for name, mixed in kinds.items():
        step = peer.steps(peer.resnet18(200, device), loader, device, mixed=mixed)
        ways.append(Way(name, step, lead))
    rates = in_turns(ways, seconds, turns, device)
    print(f"\n{table(rates, kinds)}\n")
    for name in kinds:
        note = f"the goal is {GOALS['step on cuda']}" if device.type == "cuda" else "bound by arithmetic: near 1"
        print(f"step: {ratio(rates, 'dynconv', name):.2f} times the samples a second of the {name}; {note}", flush=True)


def about(device: torch.device) -> str:
    """What the numbers depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    gpu = f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return (
        f"{datetime.now(UTC).isoformat(timespec='seconds')}, {model}, {len(os.sched_getaffinity(0))} cores{gpu}, "
        f"load before {os.getloadavg()[0]:.1f}, torch {torch.__version__} with {torch.get_num_threads()} threads, "
        f"torchvision {torchvision.__version__}"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few images, two turns of a second: only to see it run")
    parser.add_argument("--seconds", type=float, default=3, help="of each turn of each way, at least")
    parser.add_argument("--turns", type=int, default=5, help="turns of each way")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="of the peer's loader; best is taken")
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all", help="what to measure")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to train")
    words = parser.parse_args()
    if words.device == "auto":
        words.device = "cuda" if torch.cuda.is_available() else "cpu"
    return words


if __name__ == "__main__":
    main()
