"""The sub-commands about data: `prepare` makes arrays of published files, `samples` shows what a training sees."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dynconv import cli_options as options
from dynconv.errors import DynconvError


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both to the parser; `command(name, run, text)` makes one."""
    sub = command("prepare", _prepare, "Turn datasets into plain arrays and meta.json; those that are there stay.")
    sub.add_argument(
        "dataset",
        nargs="+",
        help="for example digits, ucr/GunPoint, 'ucr/*' or ucr112; see `dynconv list datasets`",
    )
    options.data(sub)
    sub.add_argument("--no-download", action="store_true", help="use only files that are already there")
    sub.add_argument(
        "--raw", type=Path, metavar="DIR", help="the published files, as you have them (default: DATA/_raw/FAMILY)"
    )
    sub.add_argument("--force", action="store_true", help="make them anew, even if they are there")
    sub.add_argument("--toy", action="store_true", help="a small stand-in in the dataset's own format")

    sub = command("samples", _samples, "Draw a dataset's contact sheet: training examples, stored and augmented.")
    options.study(sub)
    sub.add_argument("--dataset", required=True)
    sub.add_argument("--out", type=Path, required=True, metavar="F.svg")
    sub.add_argument(
        "--examples", type=Path, metavar="F.parquet", help="also the test examples that the report shows predictions of"
    )
    options.data(sub)


def _prepare(args: argparse.Namespace) -> None:
    from functools import partial

    from dynconv.data.prepare import prepare, prepare_all
    from dynconv.expand import expand

    if args.toy and args.raw:
        raise DynconvError("--toy makes its own files, so --raw does not go with it")
    names = list(dict.fromkeys(name for word in args.dataset for name in expand(word)))
    make = partial(
        prepare,
        data=args.data or Path("data"),
        download=not args.no_download,
        toy=args.toy,
        raw=args.raw,
        force=args.force,
    )
    if failed := prepare_all(names, make, lambda line: print(line, flush=True)):
        ended = [f"{len(names) - len(failed)} of {len(names)} are prepared"] if len(names) > 1 else []
        raise DynconvError("\n".join([*failed, *ended]))


def _samples(args: argparse.Namespace) -> None:
    from dynconv.engine.samples import sheet
    from dynconv.files import write_text
    from dynconv.report.contact_sheet import draw
    from dynconv.study import load

    study = load(args.study)
    dataset, store = study.dataset(args.dataset).name, args.data or Path(study.data)
    write_text(args.out, draw(sheet(study, dataset, store)))
    print(args.out)
    if args.examples:
        from dynconv import records
        from dynconv.data.chosen import excerpt
        from dynconv.report.example_rows import rows

        records.write("examples", rows(excerpt(dataset, store)), args.examples)
        print(args.examples)
