"""The sub-command `snapshot`: the report of whatever is finished, at any time."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dynconv import cli_options as options


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add it to the parser; `command(name, run, text)` makes one."""
    sub = command("snapshot", _snapshot, "Report on whatever is finished, while runs are still to come.")
    options.study(sub)
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: snapshot/ in the study's results folder")
    sub.add_argument("--posterior", action="store_true", help="with the Bayesian part: the slowest")


def _snapshot(args: argparse.Namespace) -> None:
    from dynconv.snapshot.take import take
    from dynconv.study import load

    taken = take(load(args.study), args.study, args.out, Path.cwd(), posterior=args.posterior)
    counts = {state: count for state, count in taken.counts.items() if count}
    ok, total = counts.pop("ok", 0), sum(taken.counts.values())
    print(f"{ok} of {total} runs ok" + "".join(f", {count} {state}" for state, count in counts.items()))
    for line in taken.notes:
        print(f"note: {line}")
    print("complete" if taken.complete else "partial: runs are still to come")
    print(taken.report)
