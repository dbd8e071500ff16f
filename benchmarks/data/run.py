"""What does preparing cost, and what does it bring?  `python benchmarks/data/run.py`

dynconv prepares an archive once and then reads arrays; torchvision unpacks it once and then decodes every image in
every epoch.  Both start from the same generated archive of the published format, and are timed in turns in one process.
"""

import argparse
import os
import platform
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import archives
import numpy
import ours
import peer
import PIL
import scaling
import torch
import torchvision
from measure import Way, fastest, in_turns, ratio, table

PARTS = ("tiny_imagenet", "voc2012", "scaling")
IMAGES = {"tiny_imagenet": 6000, "voc2012": 100}  # for training
BATCH = {"tiny_imagenet": 128, "voc2012": 16}
MAKE = {"tiny_imagenet": archives.tiny_zip, "voc2012": archives.voc_tar}


def main() -> None:
    words = arguments()
    share, turns = (0.1, 2) if words.quick else (1, words.turns)
    print(about(), flush=True)
    for part in PARTS if words.part == "all" else [words.part]:
        with tempfile.TemporaryDirectory(prefix="data-") as scratch:
            if part == "scaling":
                scaling.measure(Path(scratch), [int(share * images) for images in scaling.IMAGES], turns)
            else:
                one_dataset(part, Path(scratch), int(share * IMAGES[part]), turns)


def one_dataset(dataset: str, scratch: Path, images: int, turns: int) -> None:
    """Prepare, read, and when the one has paid for itself by the other."""
    raw, data = scratch / "raw", scratch / "data"
    raw.mkdir()
    archive = MAKE[dataset](raw, images)
    ours.declare(dataset, archive.path)
    unpacked = peer.Unpacked(dataset, archive.path, scratch / "unpacked", archive.train + archive.test)
    print(
        f"\n{dataset}: {archive.path.name} of {archive.path.stat().st_size / 1e6:.1f} MB, {archive.train} training and "
        f"{archive.test} test images of {archive.jpeg_bytes / 1e3:.1f} kB; {turns} turns\n",
        flush=True,
    )
    prepare_s, unpack_s = preparing(dataset, archive, data, unpacked, turns)
    epoch_s, peer_epoch_s = reading(dataset, archive, data, unpacked, turns)
    if peer_epoch_s <= epoch_s:
        print("\npreparing never pays here: an epoch takes the peer no longer", flush=True)
        return
    more, less = prepare_s - unpack_s, peer_epoch_s - epoch_s
    print(
        f"\npreparing takes {prepare_s:.2f} s and unpacking {unpack_s:.2f} s; an epoch takes {epoch_s:.2f} s and "
        f"{peer_epoch_s:.2f} s: preparing has paid after {max(0, more / less):.1f} epochs",
        flush=True,
    )


def preparing(
    dataset: str, archive: archives.Archive, data: Path, unpacked: peer.Unpacked, turns: int
) -> tuple[float, float]:
    """Seconds that dynconv takes to prepare the archive and the peer to unpack it: medians."""
    cores = len(os.sched_getaffinity(0))
    passes = {f"peer: decode all once, {_count(n, 'worker')}": n for n in (cores, 0)}
    ways = [
        Way("dynconv: prepare", lambda: ours.make(dataset, archive.path, data)),
        Way("peer: unpack", unpacked.unpack, before=unpacked.remove),
    ]
    for name, workers in passes.items():
        ways.append(Way(name, lambda workers=workers: unpacked.pass_over(BATCH[dataset], workers)))
    rates = in_turns(ways, turns)
    best = fastest(rates, passes)
    both = "peer: unpack, then decode all once"
    rates[both] = [1 / (1 / a + 1 / b) for a, b in zip(rates["peer: unpack"], rates[best], strict=True)]
    print(f"Prepare\n\n{table(rates, 'dynconv: prepare')}\n", flush=True)
    images = archive.train + archive.test
    prepare_s, unpack_s = (images / statistics.median(rates[way.name]) for way in ways[:2])
    return prepare_s, unpack_s


def reading(
    dataset: str, archive: archives.Archive, data: Path, unpacked: peer.Unpacked, turns: int
) -> tuple[float, float]:
    """Seconds of an epoch of training batches, of dynconv and of the peer at its best: medians."""
    batch, cores = BATCH[dataset], len(os.sched_getaffinity(0))
    own = {f"dynconv: {_count(n, 'thread')}": ours.reader(dataset, data, batch, n) for n in sorted({cores, 1})[::-1]}
    peers = {f"peer: {_count(n, 'worker')}": unpacked.reader(batch, n) for n in (cores, 0)}
    ways = [Way(name, read) for name, read in (own | peers).items()]
    for way in ways:
        way.call()  # the workers start, the files come into memory
    rates = in_turns(ways, turns)
    best, best_peer = fastest(rates, own), fastest(rates, peers)
    print(f"An epoch of training batches\n\n{table(rates, best)}")
    print(f"\n{dataset}: batches {ratio(rates, best, best_peer):.2f} times as fast as the peer's best", flush=True)
    epoch_s, peer_epoch_s = (archive.train / statistics.median(rates[name]) for name in (best, best_peer))
    return epoch_s, peer_epoch_s


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def about() -> str:
    """What the numbers depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return (
        f"{datetime.now(UTC).isoformat(timespec='seconds')}, {model}, {len(os.sched_getaffinity(0))} cores, "
        f"load before {os.getloadavg()[0]:.1f}, torch {torch.__version__} with {torch.get_num_threads()} threads, "
        f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, numpy {numpy.__version__}"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the images, two turns: only to see it run")
    parser.add_argument("--turns", type=int, default=5, help="turns of each way")
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all", help="what to measure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
