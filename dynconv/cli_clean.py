"""The sub-command `clean`: what a study's folders could do without."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dynconv import cli_options as options

_KINDS = {
    "--runs": "runs that the study does not name",
    "--downloads": "archives that prepared datasets were read from",
    "--staged": "copies of data in this machine's DYNCONV_SCRATCH",
}


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add it to the parser; `command(name, run, text)` makes one."""
    sub = command("clean", _clean, "Show what a study's folders could do without; remove it with --apply.")
    options.study(sub)
    options.data(sub)
    sub.add_argument("--apply", action="store_true", help="remove it; without this nothing is")
    sub.add_argument("--each", action="store_true", help="name every file")
    sub.add_argument("--hours", type=_hours, default=24.0, help="leave alone what was written to since (default: 24)")
    for option, text in _KINDS.items():
        sub.add_argument(option, action="append_const", dest="kinds", const=option, help=f"also {text}")


def _clean(args: argparse.Namespace) -> None:
    from dynconv.clean.page import clean
    from dynconv.study import load

    study = load(args.study)
    wanted = {"hours": args.hours, "options": args.kinds or (), "apply": args.apply, "each": args.each}
    print(clean(study, args.data or Path(study.data), Path.cwd(), **wanted))


def _hours(text: str) -> float:
    number = float(text)
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"{text} hours; valid: 0 or more")
    return number
