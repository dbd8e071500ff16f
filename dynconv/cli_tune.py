"""The sub-commands of the search: `tune` makes one trial, `choose` picks the best of a dataset and variant."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dynconv import cli_options as options
from dynconv.stopping import Stop


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both to the parser; `command(name, run, text)` makes one."""
    sub = command("tune", _tune, "Train one trial of a study's search: on a part of the training split, no test data.")
    options.run(sub)
    sub.add_argument("--trial", type=int, required=True, metavar="K", help="0: the recipe as it stands")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument("--failures", type=Path, metavar="DIR", help="where a trial that dies leaves its cause")
    sub.add_argument("--toy", action="store_true", help="train on toy data, too (whose accuracies mean nothing)")
    options.data(sub)
    options.device(sub)

    sub = command("choose", _choose, "Choose the settings of the best trial for the runs of a dataset and variant.")
    options.run(sub)
    sub.add_argument("--trials", type=Path, required=True, metavar="DIR", help="the folder that holds trial<k>/")
    sub.add_argument("--out", type=Path, required=True, metavar="F.json")


def _tune(args: argparse.Namespace) -> None:
    stop = Stop.listen()  # before the slow imports, so that no signal is missed

    from dynconv.engine.trial import train_trial
    from dynconv.engine.world import find
    from dynconv.study import load
    from dynconv.trials import TrialKey

    study = load(args.study)
    row = train_trial(
        study,
        TrialKey(study.dataset(args.dataset).name, study.variant(args.variant).name, args.trial),
        args.out,
        args.data or Path(study.data),
        device_name=args.device,
        threads=args.threads,
        failures=args.failures,
        toy=args.toy,
        say=lambda line: print(line, flush=True),
        stop=stop,
    )
    if not find().leads:
        return
    metric = study.analysis.metric[row["task"]]
    value = row.get(metric)
    told = f"validation {metric} {value:.4f}" if value is not None else row["failure"]
    print(f"{row['trial_id']}: {row['status']}  {told}  {row['settings']}")


def _choose(args: argparse.Namespace) -> None:
    from dynconv import choice, data
    from dynconv.study import load

    study = load(args.study)
    dataset, variant = study.dataset(args.dataset).name, study.variant(args.variant).name
    task = data.spec(dataset).task
    chosen = choice.pick(choice.rows_of(study, dataset, task, variant, args.trials), study.analysis.metric[task])
    choice.write(args.out, chosen)
    print(f"{dataset}/{variant}: trial {chosen['trial']}  {chosen['settings']}  ({chosen['reason']})")
