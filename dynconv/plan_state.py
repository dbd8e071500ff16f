"""What a study's folders hold of it already: the runs that are done, the steps that are open."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv import choice, data, plan_hours, run_rows, trials
from dynconv.study import RunKey, Study, Task, Variant
from dynconv.trials import TrialKey


@dataclass(frozen=True)
class State:
    """A study and how far it is."""

    study: Study
    tasks: dict[str, Task]  # of each dataset
    done: dict[RunKey, dict[str, Any]]  # their rows, with the columns of `plan_hours.COLUMNS`
    open: list[RunKey]
    outdated: int  # of the open runs: those done by another recipe or with other options
    trials: dict[TrialKey, bool]  # of the study's search: which are done, by the present recipe

    @property
    def prepared(self) -> list[str]:
        """Datasets that need no preparation."""
        return [name for name in self.tasks if Path(self.study.data, name, "meta.json").is_file()]

    @property
    def unprofiled(self) -> list[tuple[str, str]]:
        """(dataset, variant) without a profile, of those that get one."""
        folder = Path(self.study.results, "profile")
        return [
            (dataset, variant.name)
            for dataset in self.tasks
            for variant in self.study.variants
            if not variant.rule and not (folder / dataset / f"{variant.name}.parquet").is_file()
        ]

    @property
    def unseen(self) -> list[str]:
        """Datasets without a contact sheet, where the study trains something itself."""
        trained = any(not variant.rule for variant in self.study.variants)
        return [
            name for name in self.tasks if trained and not Path(self.study.results, "samples", f"{name}.svg").is_file()
        ]

    def steps(self) -> list[tuple[str, int]]:
        """The open steps: (rule, number of its jobs), in the order in which they run."""
        trains = {f"train_{variant.name}": 0 for variant in self.study.variants}
        for key in self.open:
            trains[f"train_{key.variant}"] += 1
        before = {"prepare": len(self.tasks) - len(self.prepared), "samples": len(self.unseen)}
        tunes = Counter(f"tune_{key.variant}" for key, done in self.trials.items() if not done)
        steps = [*before.items(), ("profile", len(self.unprofiled)), *tunes.items(), *trains.items()]
        steps = [(rule, number) for rule, number in steps if number]
        if steps or not Path(self.study.results, "report.html").is_file():
            steps += [("collect", 1), ("compare", 1), ("report", 1)]
        return steps


def state(study: Study) -> State:
    """How far a study is, from its folders.

    Raises:
        DynconvError: a dataset of the study is unknown, or a past run's file is damaged.
    """
    tasks = {dataset.name: data.spec(dataset.name).task for dataset in study.datasets}
    keys = list(study.runs())
    results = Path(study.results)
    rows = run_rows.read(results, run_rows.files(results, [key.run_id for key in keys]), plan_hours.COLUMNS)
    hashes = {
        (dataset, variant.name): hashes_of(study, dataset, task, variant)
        for dataset, task in tasks.items()
        for variant in study.variants
    }
    done, todo, outdated = {}, [], 0
    for key in keys:
        row = rows.get(key.run_id)
        if row and row["run_hash"] in hashes[key.dataset, key.variant]:
            done[key] = row
        else:
            todo.append(key)
            outdated += row is not None
    return State(study, tasks, done, todo, outdated, _trials(study, tasks))


def _trials(study: Study, tasks: dict[str, Task]) -> dict[TrialKey, bool]:
    """Every trial of the search: is it done, by the present recipe?"""
    keys = [
        TrialKey(dataset, variant, number)
        for dataset, variant in trials.cells(study)
        for number in range(len(trials.settings(study, dataset, tasks[dataset])))
    ]
    results = Path(study.results)
    found = run_rows.files(results, [key.trial_id for key in keys], run_rows.TRIALS)
    rows = run_rows.read(results, found, ["trial_hash"], run_rows.TRIALS)
    return {
        key: key.trial_id in rows
        and rows[key.trial_id]["trial_hash"] == trials.trial_hash(study, tasks[key.dataset], key)
        for key in keys
    }


def hashes_of(study: Study, dataset: str, task: Task, variant: Variant) -> set[str | None]:
    """The digests of the runs that need not be made again: where there is a search, of those that follow its choice."""
    found: set[str | None] = {None}  # a workflow rule of the user's need not tell
    tuned = study.tune is not None and study.tune.covers(dataset)
    if variant.rule or not tuned:
        found.add(study.run_hash(dataset, task, variant.name))
    source = variant.base if variant.rule else variant.name  # a rule may build on that of its base
    file = Path(study.results, "tuning", dataset, source, choice.NAME)
    if tuned and file.is_file():
        found.add(study.run_hash(dataset, task, variant.name, choice.read(file, study, dataset, variant.name)))
    return found
