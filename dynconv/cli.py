"""The command line: every arrow of the pipeline is one sub-command with plain arguments.

Heavy packages are imported by the sub-command that needs them, when it needs them.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from dynconv import __version__, cli_clean, cli_collect, cli_compare, cli_data, cli_snapshot, cli_tune
from dynconv import cli_options as options
from dynconv.errors import DynconvError
from dynconv.stopping import STOPPED, Stop, Stopped


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command.

    Exit code: 0 done, 1 a bug (traceback), 2 bad input (one line), 75 `stopping.Stopped`, 130 interrupted (Ctrl-C).
    """
    args = _parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except DynconvError as error:
        for line in str(error).splitlines():
            print(f"dynconv {args.command}: error: {line}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(stopped)
        return STOPPED
    except KeyboardInterrupt:
        print(f"dynconv {args.command}: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # `dynconv list runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dynconv", description="Honest benchmarks of dynamic convolutions.")
    parser.add_argument("--version", action="version", version=f"dynconv {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    cli_data.add(command)

    sub = command("train", _train, "Train one run and write its Parquet files.")
    options.run(sub, seed=True)
    sub.add_argument(
        "--strategy",
        choices=["auto", "single", "ddp", "deepspeed"],
        help="how the run is spread over processes (default: the recipe's, else auto: single alone, ddp with others)",
    )
    sub.add_argument("--choice", type=Path, metavar="F.json", help="take the settings that `dynconv choose` chose")
    sub.add_argument("--tensorboard", type=Path, metavar="DIR", help="write learning curves for TensorBoard, too")
    sub.add_argument("--failures", type=Path, metavar="DIR", help="where a run that dies leaves its cause")
    sub.add_argument("--toy", action="store_true", help="train on toy data, too (whose accuracies mean nothing)")
    options.data(sub)
    options.device(sub)

    sub = command("profile", _profile, "Measure parameters, MACs, latency and memory of one variant on one dataset.")
    options.run(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="F.parquet")
    options.data(sub)
    options.device(sub)

    cli_tune.add(command)

    sub = command("fail", _fail, "Record a run or trial whose job failed for good: the failure_command of its rule.")
    options.run(sub)
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int)
    which.add_argument("--trial", type=int, metavar="K")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument("--choice", type=Path, metavar="F.json", help="the run's own")
    sub.add_argument("--failures", type=Path, required=True, metavar="DIR")
    options.data(sub)

    command("warm", _warm, "Run a pack's train, tune, profile and samples commands from one process: its pack_helper.")

    cli_collect.add(command)
    cli_compare.add(command)

    sub = command("report", _report, "Write the self-contained HTML report.")
    several = "a results folder; of several, the studies are shown side by side"
    sub.add_argument("--results", type=Path, required=True, action="append", metavar="DIR", help=several)
    sub.add_argument(
        "--out",
        type=Path,
        metavar="F.html",
        help="the page alone; default: DIR/report.html; of several: comparison.html",
    )

    cli_snapshot.add(command)

    sub = command("plan", _plan, "Say what a study will run and cost, before it runs.")
    options.study(sub)
    sub.add_argument("--profile", type=Path, metavar="DIR", help="a Snakemake profile, such as cluster_profiles/slurm")

    sub = command("list", _list, "List variants, datasets, a study's runs or its verdicts.")
    sub.add_argument("what", choices=["variants", "datasets", "runs", "verdicts"])
    options.study(sub, required=False)
    sub.add_argument("--results", type=Path, metavar="DIR", help="default: the study's, else results")
    options.data(sub)
    sub.add_argument("--members", action="store_true", help="datasets: a line for every member of a family, too")
    sub.add_argument("--once", action="store_true", help="runs: print the list, also in a terminal while jobs are live")
    sub.add_argument("--every", type=options.seconds, default=5.0, metavar="S", help="runs: refresh (default: 5)")

    cli_clean.add(command)

    sub = command("new", _new, "Write the file of a new variant or dataset.")
    sub.add_argument("kind", choices=["variant", "dataset"])
    sub.add_argument("name")
    return parser


def _train(args) -> None:
    stop = Stop.listen()  # before the slow imports, so that no signal is missed

    from dynconv.engine.run import train_run
    from dynconv.engine.world import find
    from dynconv.study import RunKey, load

    study = load(args.study)
    row = train_run(
        study,
        RunKey(study.dataset(args.dataset).name, study.variant(args.variant).name, args.seed),
        args.out,
        args.data or Path(study.data),
        choice_file=args.choice,
        strategy_name=args.strategy,
        device_name=args.device,
        threads=args.threads,
        failures=args.failures,
        toy=args.toy,
        say=lambda line: print(line, flush=True),
        stop=stop,
        board=args.tensorboard,
    )
    if not find().leads:
        return
    metric = study.analysis.metric[row["task"]]
    value = row.get(metric)
    print(f"{row['run_id']}: {row['status']}" + (f"  {metric} {value:.4f}" if value is not None else ""))


def _fail(args) -> int:
    from dynconv.failure import last_word
    from dynconv.study import RunKey, load
    from dynconv.trials import TrialKey

    study = load(args.study)
    cell = study.dataset(args.dataset).name, study.variant(args.variant).name
    key = RunKey(*cell, args.seed) if args.trial is None else TrialKey(*cell, args.trial)
    print(last_word(study, key, args.out, args.data or Path(study.data), args.failures, args.choice))
    return 0 if study.on_failure == "record" else 1


def _warm(args) -> None:
    from dynconv.warm import serve

    serve(main)


def _profile(args) -> None:
    from dynconv import records
    from dynconv.engine.profile import profile
    from dynconv.study import load

    study = load(args.study)
    dataset, variant = study.dataset(args.dataset).name, study.variant(args.variant).name
    row = profile(study, dataset, variant, args.data or Path(study.data), args.device, args.threads)
    records.write("profile", [row], args.out)


def _report(args) -> None:
    if len(args.results) == 1:
        from dynconv.report.build import build

        print(build(args.results[0], args.out))
    else:
        from dynconv.report.studies import build as studies

        print(studies.build(args.results, args.out))


def _plan(args) -> None:
    from dynconv.plan import plan
    from dynconv.study import load

    print(plan(load(args.study), args.profile, args.study))


def _list(args) -> None:
    from dynconv import listing
    from dynconv.study import load

    study = load(args.study) if args.study else None
    results = args.results or Path(study.results if study else "results")
    if args.what == "datasets":
        listing.datasets(study, args.data or Path(study.data if study else "data"), args.members)
    elif args.what == "runs" and not args.once and sys.stdout.isatty():
        from dynconv.watch.live import watch

        if not watch(study, results, Path.cwd(), args.every):
            listing.runs(study, results)
    else:
        getattr(listing, args.what)(study, results)


def _new(args) -> None:
    from dynconv.scaffold import new

    print(new(args.kind, args.name))


if __name__ == "__main__":
    sys.exit(main())
