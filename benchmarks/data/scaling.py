"""The cost of 1, 10 and 100 times as many images: of preparing them, and of reading them in a random order."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from archives import tiny_zip
from measure import markdown

IMAGES = (300, 3000, 30000)  # for training
_ONCE = Path(__file__).with_name("once.py")


def measure(scratch: Path, sizes: list[int], turns: int) -> None:
    """Print a table; a figure is the median over the turns, each in a process of its own."""
    made = {}
    for images in sizes:
        folder = scratch / str(images)
        folder.mkdir()
        made[images] = tiny_zip(folder, images)
    found: dict[int, list[dict[str, float]]] = {images: [] for images in sizes}
    for _ in range(turns):
        for images, archive in made.items():
            data = archive.path.parent / "data"
            found[images].append(_once("prepare", archive.path, data) | _once("read", archive.path, data))
    print(f"\nMore images: Tiny ImageNet's format, a tenth more for testing; {turns} turns\n")
    head = ["training images", "prepare, s", "images/s", "peak memory, MiB", "of it at the start, MiB"]
    head += ["open and verify, s", "first epoch, from disk, images/s", "a later epoch, images/s"]
    print(markdown(head, [_row(made[images].train, made[images].test, each) for images, each in found.items()]))


def _row(train: int, test: int, each: list[dict[str, float]]) -> list[str]:
    middle = {key: statistics.median(one[key] for one in each) for key in each[0]}
    prepare_s = [one["prepare_s"] for one in each]
    return [
        f"{train:,}",
        f"{middle['prepare_s']:.2f} ({min(prepare_s):.2f} to {max(prepare_s):.2f})",
        f"{(train + test) / middle['prepare_s']:,.0f}",
        f"{middle['peak_bytes'] / 2**20:.0f}",
        f"{middle['start_bytes'] / 2**20:.0f}",
        f"{middle['open_s']:.2f}",
        f"{middle['cold']:,.0f}",
        f"{middle['warm']:,.0f}",
    ]


def _once(what: str, archive: Path, data: Path) -> dict[str, Any]:
    command = [sys.executable, str(_ONCE), what, str(archive), str(data)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
