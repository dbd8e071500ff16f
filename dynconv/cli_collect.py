"""The sub-command `collect`: one folder of runs becomes tables; several folders become one results folder."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dynconv import cli_options as options
from dynconv.errors import DynconvError

_OWN = ("profiles", "failures", "tuning")  # what a results folder has in places of its own


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add it to the parser; `command(name, run, text)` makes one."""
    sub = command("collect", _collect, "Unite all runs into tidy tables, or merge results folders into one.")
    sub.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="a folder of runs; or results folders")
    sub.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="of tables; where folders are merged: a results folder"
    )
    sub.add_argument("--profiles", type=Path, metavar="DIR", help="of one folder of runs")
    sub.add_argument("--failures", type=Path, metavar="DIR", help="of one folder of runs")
    sub.add_argument("--tuning", type=Path, metavar="DIR", help="the trials of the study's search, and its choices")
    sub.add_argument("--prefer", type=Path, metavar="DIR", help="where runs of merged folders clash, this one's count")
    options.study(sub, required=False)


def _collect(args: argparse.Namespace) -> None:
    from dynconv.collect import collect
    from dynconv.merge.folder import is_results
    from dynconv.study import load

    (first, *others) = args.folders
    if others or is_results(first):
        _merge(args)
        return
    if args.prefer:
        raise DynconvError("--prefer: a single folder of runs has no clashes; valid: with several folders")
    study = load(args.study) if args.study else None
    for name, rows in collect(first, args.out, args.profiles, args.failures, study, args.tuning).items():
        print(f"{args.out / name}.parquet: {rows} rows")


def _merge(args: argparse.Namespace) -> None:
    from dynconv.merge.merge import merge

    for name in _OWN:
        if getattr(args, name):
            raise DynconvError(
                f"--{name}: a results folder has its own; valid: without it, or with one folder of runs alone"
            )
    merged = merge(args.folders, args.out, args.study, args.prefer)
    for file, rows in merged.rows.items():
        print(f"{file}: {rows} rows")
    if merged.study:
        print(merged.study)
    for line in merged.notes:
        print(f"note: {line}")
    for line in merged.warnings:
        print(f"warning: {line}")
