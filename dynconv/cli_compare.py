"""The sub-commands of the statistics: `compare` analyses a table, `power` says what a pilot's design could find."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynconv import cli_options as options

if TYPE_CHECKING:
    import pandas as pd

    from dynconv.analysis_plan import Analysis
    from dynconv.stats.declaration import Declaration

_SETTINGS = ("control", "rope", "alpha", "seed", "adjustment", "power")  # options that go over the plan's


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both to the parser; `command(name, run, text)` makes one."""
    sub = command("compare", _compare, "Test which variants differ, on this project's runs or on anyone's table.")
    _table(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument("--predictions", type=Path, metavar="F", help="the runs' predictions: adds new test examples")
    sub.add_argument("--profile", type=Path, metavar="F", help="the networks' profile: adds latency and memory")
    sub.add_argument("--seed", type=int, help="of all that is drawn (default: the study's, else 0)")
    sub.add_argument("--adjustment", help="holm, shaffer, bergmann_hommel, hommel, bh or romano_wolf: what decides")
    sub.add_argument("--no-posterior", action="store_true", help="leave the Bayesian part out: the slowest")

    sub = command("power", _power, "Say what a design could find, and how many seeds or datasets it would take.")
    _table(sub)
    sub.add_argument("--effect", type=float, action="append", help="a true difference that should be found; repeatable")
    sub.add_argument("--power", type=float, help="that is wanted (default: the study's, else 0.8)")


def _table(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("table", type=Path, help="Parquet or CSV: dataset, variant, value [, seed, metric, task, group]")
    options.study(sub, required=False)
    sub.add_argument("--lower-is-better", action="store_true")
    sub.add_argument("--control", help="default: the study's, else vanilla")
    sub.add_argument(
        "--rope", type=float, help="a difference this small does not matter (default: the study's, else 0.01)"
    )
    sub.add_argument("--alpha", type=float, help="default: the study's, else 0.05")
    sub.add_argument("--metric", help="the metric to compare, where the table has several")


def _compare(args: argparse.Namespace) -> None:
    from dynconv import comparison
    from dynconv.columns import terminal_width
    from dynconv.stats import answer

    plan, frame, declared = _inputs(args)
    done = comparison.run(
        frame,
        plan,
        declared,
        args.out,
        runs=args.table,
        profile=args.profile,
        predictions=args.predictions,
        lower_is_better=args.lower_is_better,
    )
    for file, rows in done.rows.items():
        print(f"{file}: {rows} rows")
    print(done.plan_file)
    print("", *answer.lines(done.tables["pairwise"], plan, terminal_width()), "", sep="\n")
    for line in done.notes:
        print(f"note: {line}")
    for line in declared.deviations if declared else ["no study declared this analysis before the data were seen"]:
        print(f"exploratory: {line}")


def _power(args: argparse.Namespace) -> None:
    from dynconv.columns import terminal_width
    from dynconv.stats import compare, power

    plan, frame, declared = _inputs(args)
    rows = compare.power_rows(
        frame, plan, declaration=declared, effects=args.effect, lower_is_better=args.lower_is_better
    )
    print("\n".join(power.lines(rows, terminal_width())))


def _inputs(
    args: argparse.Namespace,
) -> "tuple[Analysis, pd.DataFrame, Declaration | None]":
    """The plan as the options change it, the table, and what was declared."""
    from dynconv import comparison
    from dynconv.analysis_plan import Analysis, make_analysis
    from dynconv.stats import table
    from dynconv.study import load

    study = load(args.study) if args.study else None
    planned = study.analysis if study else Analysis()
    settings: dict[str, Any] = {name: getattr(args, name, None) for name in _SETTINGS}
    settings = {name: value for name, value in settings.items() if value is not None}
    if getattr(args, "no_posterior", False):
        settings["posterior"] = False
    frame = table.load(args.table, metric=args.metric or dict(planned.metric), lower_is_better=args.lower_is_better)
    declared = comparison.declaration_of(study) if study else None
    if declared:
        asked = {"metric": {**planned.metric, **dict.fromkeys(planned.metric, args.metric)}} if args.metric else {}
        turned = {"lower_is_better": True} if args.lower_is_better else {}
        declared = declared.changed({**settings, **asked, **turned}).against(frame)
    return make_analysis(settings, planned), frame, declared
