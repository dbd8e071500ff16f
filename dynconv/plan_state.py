"""What a study's folders hold of it already: the runs that are done, the steps that are open."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv import choice, data, plan_hours, run_rows, trials
from dynconv.study import RunKey, Study, Task
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
        (dataset, variant.name): study.run_hash(dataset, task, variant.name)
        for dataset, task in tasks.items()
        for variant in study.variants
    }
    tuning = results / "tuning"
    for dataset, variant in trials.cells(study):  # a run follows the choice that is there
        hashes[dataset, variant] = _tuned_hash(study, dataset, tasks[dataset], variant, tuning)
    done, todo, outdated = {}, [], 0
    for key in keys:
        row = rows.get(key.run_id)
        if row and row["run_hash"] in (None, hashes[key.dataset, key.variant]):  # None: a workflow rule wrote it
            done[key] = row
        else:
            todo.append(key)
            outdated += row is not None
    searched = [
        TrialKey(dataset, variant, number)
        for dataset, variant in trials.cells(study)
        for number in range(len(trials.settings(study, dataset, tasks[dataset])))
    ]
    found = run_rows.files(results, [key.trial_id for key in searched], run_rows.TRIALS)
    rows = run_rows.read(results, found, ["trial_hash"], run_rows.TRIALS)
    tried = {
        key: key.trial_id in rows
        and rows[key.trial_id]["trial_hash"] == trials.trial_hash(study, tasks[key.dataset], key)
        for key in searched
    }
    return State(study, tasks, done, todo, outdated, tried)


def _tuned_hash(study: Study, dataset: str, task: Task, variant: str, tuning: Path) -> str:
    file = tuning / dataset / variant / choice.NAME
    if not file.is_file():
        return "not chosen yet"
    return study.run_hash(dataset, task, variant, choice.read(file, study, dataset, variant))
