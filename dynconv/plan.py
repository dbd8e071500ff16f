"""What a study will run and cost, told before it runs.  Imports no torch and asks no cluster."""

from collections import Counter
from pathlib import Path

import yaml

from dynconv import plan_cost, plan_profile, trials
from dynconv.plan_disk import FILES_OF_A_RUN
from dynconv.plan_state import State, state
from dynconv.plan_statistics import floor_lines, plan_line
from dynconv.preflight import preflight
from dynconv.quantities import number
from dynconv.recipe import make_recipe
from dynconv.study import Study, Task

_MANY = 8  # datasets of a family: more share a line


def plan(study: Study, profile: str | Path | None = None, file: str | Path = "STUDY") -> str:
    """A page of text: runs, jobs, hours, disk, data, recipes, and what the statistics will be able to say.

    Args:
        study: the study.
        profile: a Snakemake profile (folder or file): tells jobs, arrays and the most that they reserve.
        file: the study's file, for the commands that the page names.

    Raises:
        DynconvError: the study or the profile is not valid, or a past run's file is damaged.
    """
    preflight(study)
    read = plan_profile.read(profile) if profile else None
    here = state(study)
    lines = [*_runs(here, read), ""]
    if read:
        lines += [*plan_cost.job_lines(here, read), ""]
    else:
        lines += ["cluster jobs: name a profile, as in --profile cluster_profiles/slurm", ""]
    if here.open:
        options = f"--profile {profile or 'cluster_profiles/local'} --configfile {file}"
        lines += [*plan_cost.hour_lines(here, read, options), ""]
    lines += [*plan_cost.disk_lines(here), ""]
    lines += [plan_line(study.analysis), ""]
    for task, count in sorted(Counter(here.tasks.values()).items()):
        lines += [*_task(here, task, count), ""]
    return "\n".join(lines).rstrip()


def _runs(here: State, profile: plan_profile.Profile | None) -> list[str]:
    study, runs = here.study, len(here.done) + len(here.open)
    failed = sum(row["status"] != "ok" for row in here.done.values())
    cells = len(here.tasks) * sum(not variant.rule for variant in study.variants)
    sheets = len(here.tasks) if cells else 0
    chosen = len(trials.cells(study))
    jobs = runs + len(here.trials) + chosen + cells + len(here.tasks) + sheets + 3
    # Each rule has a log, and the executor keeps one of each job; Snakemake makes the choices itself.
    logs = jobs + 1 + (0 if profile is None or profile.executor == "local" else jobs - chosen)
    return [
        f"study {study.name}: {len(study.variants)} variants x {len(study.datasets)} datasets x"
        f" {len(study.seeds)} seeds = {runs} runs, {len(here.done)} of them done in {study.results}/"
        + (f" ({failed} failed)" if failed else "")
        + f", {len(here.open)} to do"
        + (f" ({here.outdated} again: their recipe or options changed)" if here.outdated else ""),
        *_search(here),
        f"files: at most {len(FILES_OF_A_RUN) * runs} of runs, {cells} of profiles, {logs} of logs"
        + (f", {len(here.trials) + chosen} of the search" if chosen else ""),
    ]


def _search(here: State) -> list[str]:
    """How large the search is, and how many times the training itself: both in epochs, whatever the datasets' sizes."""
    study, tune, done = here.study, here.study.tune, sum(here.trials.values())
    if tune is None:
        return []
    trained = [key for key in (*here.done, *here.open) if not study.variant(key.variant).rule]
    epochs = {name: study.recipe(name, task).epochs for name, task in here.tasks.items()}
    tried = sum(trials.recipe(study, here.tasks[key.dataset], key).epochs for key in here.trials)
    share = tried * (1 - tune.validation) / max(1, sum(epochs[key.dataset] for key in trained))
    return [
        f"search ({tune.search} over {', '.join(tune.keys)}): {len(here.trials)} trials, {done} done,"
        f" {len(here.trials) - done} to do; {number(share)} times the training of the runs, in epochs",
    ]


def _task(here: State, task: Task, count: int) -> list[str]:
    study, names = here.study, [name for name, its in here.tasks.items() if its == task]
    lines = [f"{task}: {count} {'dataset' if count == 1 else 'datasets'}, primary metric {study.analysis.metric[task]}"]
    lines += [f"  {line}" for line in floor_lines(study, count)]
    return lines + _datasets(names, set(here.prepared)) + _recipes(study, task, names)


def _datasets(names: list[str], prepared: set[str]) -> list[str]:
    """A line a dataset, or a family of which there are many."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.partition("/")[0], []).append(name)
    lines = []
    for family, members in families.items():
        if len(members) > _MANY:
            ready = len(prepared.intersection(members))
            lines.append(
                f"  {family}: {len(members)} datasets, {ready} prepared, {len(members) - ready} to be prepared"
            )
        else:
            lines += [f"  {name}: {'prepared' if name in prepared else 'to be prepared'}" for name in members]
    return lines


def _recipes(study: Study, task: Task, names: list[str]) -> list[str]:
    """The recipe in full, and what differs from it for single datasets."""
    recipes = {name: study.recipe(name, task).model_dump(mode="json") for name in names}
    first = recipes[names[0]]
    same = all(recipe == first for recipe in recipes.values())
    base = first if same else make_recipe(study.recipes.get(task, {}), task).model_dump(mode="json")
    text = yaml.safe_dump(base, sort_keys=False, default_flow_style=None, width=10**6)
    own: dict[str, list[str]] = {}
    for name, recipe in recipes.items():
        if differs := ", ".join(f"{key}: {value}" for key, value in recipe.items() if value != base[key]):
            own.setdefault(differs, []).append(name)
    lines = [f"    {line}" for line in text.splitlines()]
    return lines + [f"  {plan_cost.few(those)}: {differs}" for differs, those in own.items()]
