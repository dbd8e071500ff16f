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
    from dynconv.study import Study

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
    from dynconv import records
    from dynconv.columns import terminal_width
    from dynconv.stats import answer, compare, costs, declaration
    from dynconv.stats.predictions import PredictionFile

    plan, frame, declared = _inputs(args)
    profile = records.read("profile", args.profile).to_pandas() if args.profile else None
    tables = compare.compare(
        frame,
        plan,
        declaration=declared,
        lower_is_better=args.lower_is_better,
        predictions=PredictionFile(args.predictions) if args.predictions else None,
        costs=costs.read(records.read("runs", args.table).to_pandas(), profile) if frame.attrs["runs"] else None,
        groups=_groups(frame),
    )
    for name, rows in tables.items():
        written = records.write(name, rows, args.out / f"{name}.parquet")
        print(f"{args.out / name}.parquet: {len(written)} rows")
    undeclared = set(frame["variant"]) - set(declared.variants) if declared else ()
    print(declaration.write(args.out, plan, declared, undeclared))
    print("", *answer.lines(tables["pairwise"], plan, terminal_width()), "", sep="\n")
    notes = list(declared.notes) if declared else []
    notes += answer.notes(frame, plan, lower_is_better=args.lower_is_better)
    notes += answer.of_predictions(tables["crossed"]) if args.predictions else []
    notes += answer.of_profile(profile, frame) if args.profile else []
    for line in notes:
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
    declared = _declaration(study) if study else None
    if declared:
        asked = {"metric": {**planned.metric, **dict.fromkeys(planned.metric, args.metric)}} if args.metric else {}
        turned = {"lower_is_better": True} if args.lower_is_better else {}
        declared = declared.changed({**settings, **asked, **turned}).against(frame)
    return make_analysis(settings, planned), frame, declared


def _declaration(study: "Study") -> "Declaration":
    """What the study declared for the tasks of its datasets."""
    from dynconv import data
    from dynconv.stats.declaration import Declaration

    datasets: dict[str, list[str]] = {}
    for dataset in study.datasets:
        datasets.setdefault(data.spec(dataset.name).task, []).append(dataset.name)
    return Declaration(
        study=study.name,
        study_hash=study.study_hash,
        plan=study.analysis,
        variants=tuple(variant.name for variant in study.variants),
        datasets={task: tuple(names) for task, names in datasets.items()},
        seeds=study.seeds,
    )


def _groups(frame: "pd.DataFrame") -> dict[str, str]:
    """The kind of each dataset: what the table says, else what its family publishes."""
    from dynconv import data

    if "groups" in frame.attrs:
        return frame.attrs["groups"]
    return {name: kind for name in frame["dataset"].unique() if (kind := data.kind(name))}
