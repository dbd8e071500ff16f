"""The options that several sub-commands have, in the same words."""

import argparse
from pathlib import Path


def study(sub: argparse.ArgumentParser, required: bool = True) -> None:
    """`--study`: which one."""
    sub.add_argument("--study", type=Path, required=required, metavar="F", help="a study, such as config/demo.yaml")


def run(sub: argparse.ArgumentParser, seed: bool = False) -> None:
    """`--study`, `--dataset` and `--variant`; with `seed`, `--seed` and `--out` of a run, too."""
    study(sub)
    sub.add_argument("--dataset", required=True)
    sub.add_argument("--variant", required=True)
    if seed:
        sub.add_argument("--seed", type=int, required=True)
        sub.add_argument("--out", type=Path, required=True, metavar="DIR")


def data(sub: argparse.ArgumentParser) -> None:
    """`--data`: where the datasets are."""
    sub.add_argument("--data", type=Path, metavar="DIR", help="prepared datasets (default: the study's, else data)")


def device(sub: argparse.ArgumentParser) -> None:
    """`--device` and `--threads`: what computes."""
    sub.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda, cuda:1, ...")
    sub.add_argument(
        "--threads", type=_threads, metavar="N", help="CPU threads; part of what makes a run bitwise repeatable"
    )


def seconds(text: str) -> float:
    """A span of time: more than a moment, so that the file system is left in peace."""
    number = float(text)
    if not 0.1 <= number <= 86400:
        raise argparse.ArgumentTypeError(f"{text} seconds; valid: 0.1 to 86400")
    return number


def _threads(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} threads; valid: 1 or more")
    return number
