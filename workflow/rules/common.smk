# The study, its folders and its targets.
import shlex
import sys
from pathlib import Path

import yaml

import dynconv.data
import dynconv.study
import dynconv.trials
from dynconv.comparison_tables import COMPARISONS
from dynconv.errors import DynconvError
from dynconv.preflight import preflight


def one_study():
    """The study's file: the one of --configfile, else the paper's."""
    files = [Path(file) for file in workflow.overwrite_configfiles]
    if len(files) > 1:
        names = ", ".join(map(str, files))
        raise WorkflowError(f"--configfile takes one study, got {names}")
    return files[0] if files else Path("config/config.yaml")


def load_study(file):
    """Check the study before anything is planned."""
    try:
        study = dynconv.study.load(file)
        preflight(study)
    except DynconvError as error:
        raise WorkflowError(str(error)) from None
    # Each job reads the study from its file, so a key changed by --config would be ignored without a word.
    changed = {
        key
        for key in config
        if config[key] != yaml.safe_load(file.read_text()).get(key)
    }
    if changed:
        raise WorkflowError(
            f"--config {', '.join(sorted(changed))}: not supported; set it in {file}, or in a copy"
        )
    return study


def check_results(study):
    """Never mix two studies in one folder: retraining would replace runs that another study paid for."""
    kept = Path(study.results, "study.yaml")
    other = (
        yaml.safe_load(kept.read_text()).get("name") if kept.exists() else study.name
    )
    if other != study.name:
        raise WorkflowError(
            f"{study.results}/ holds the results of study {other!r}, not {study.name!r}: "
            f"set `results:` in {STUDY_FILE} to another folder, or move {study.results}/ away"
        )


def task_of(dataset):
    return dynconv.data.spec(dataset).task


def augmentation(dataset):
    """All of the study that a contact sheet depends on."""
    recipe = STUDY.recipe(dataset, task_of(dataset))
    return f"{' '.join(recipe.augment) or 'none'}, seed {STUDY.seeds[0]}"


def last_word(dataset, variant, folder, choice=None, **which):
    """What records a run (seed=) or a trial (trial=) whose job was lost for good: out of memory, out of time, ..."""
    ((kind, number),) = which.items()
    out = Path(folder, dataset, variant, f"{kind}{number}")
    failures = Path(RESULTS, "failures")
    return (
        f"dynconv fail --study {shlex.quote(str(STUDY_FILE))} --dataset {shlex.quote(dataset)}"
        f" --variant {variant} --{kind} {number} --out {shlex.quote(str(out))} --data {shlex.quote(DATA)}"
        f" --failures {shlex.quote(str(failures))}"
        + (f" --choice {shlex.quote(choice)}" if choice else "")
    )


def choice_of(dataset, variant):
    """The choice that the runs of `variant` on `dataset` read, as named input: none where the study does not search."""
    if (dataset, variant) not in SEARCHED:
        return {}
    return {"choice": f"{TUNING}/{dataset}/{variant}/choice.json"}


def trials_of(dataset, variant):
    settings = dynconv.trials.settings(STUDY, dataset, task_of(dataset))
    return [
        f"{TUNING}/{dataset}/{variant}/trial{trial}/trial.parquet"
        for trial in range(len(settings))
    ]


def figure(name):
    """What a figure shows, and of which task, dataset and variant, from the name of its file."""
    of = {f"-{task}": ("task", task) for task in dynconv.study.TASKS}
    of |= {
        f"-{'-'.join(Path(d.name).parts)}": ("dataset", d.name) for d in STUDY.datasets
    }
    found = [mark for mark in of if name.endswith(mark) or f"{mark}-" in name]
    if not found:
        return name, {"figure": name}
    mark = max(found, key=len)
    kind, _, rest = name.partition(mark)
    rest = rest.lstrip("-")
    key, value = of[mark]
    labels = {"task": value if key == "task" else task_of(value), key: value}
    what = "part" if rest.isdigit() else "variant"  # learning-curves-timeseries-2
    return kind, labels | ({what: rest} if rest else {})


def figure_kind(wildcards):
    return figure(wildcards.name)[0].replace("-", " ")


def figure_labels(wildcards):
    return figure(wildcards.name)[1]


def table_labels(wildcards):
    """What a table shows, and of which task: from the name of its file."""
    name = wildcards.name
    task = next((t for t in dynconv.study.TASKS if name.endswith(f"-{t}")), "")
    table = name.removesuffix(f"-{task}").replace("-", " ")
    return {"table": table, "task": task or "all"}


# The jobs' `dynconv` is the one beside this Snakemake, whether or not its environment was activated.  Of many processes
# of one job, all but the first append $OF_RANK to the name of their log.
shell.prefix(
    f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; '
    "OF_RANK=; [ ${{RANK:-0}} = 0 ] || OF_RANK=.rank$RANK; "
)

# A Path, not a str: Snakemake reruns jobs whose str params changed, and a study moved to another file is the same
# study.  What fixes a run's numbers is in `run_hash`, which is a str.
STUDY_FILE = one_study()
STUDY = load_study(STUDY_FILE)
check_results(STUDY)
DATA, RESULTS = STUDY.data, STUDY.results
RUN = f"{RESULTS}/runs/{{dataset}}/{{variant}}/seed{{seed}}"
# A full path, so that a rule built on another (`use rule`) from another folder finds it as well.
ENVIRONMENT = str(Path(workflow.basedir, "environment.yml"))
RUNS = [RUN.format(**key._asdict()) for key in STUDY.runs()]
# Without their diagnostics and masks: a hand-written variant has none, and those of the others come with the run.
RUN_FILES = [
    f"{run}/{name}.parquet"
    for run in RUNS
    for name in ("run", "metrics", "predictions")
]
# What the training sees is shown where something is trained here.
SHEETS = [
    f"{RESULTS}/samples/{dataset.name}.{ending}"
    for dataset in STUDY.datasets
    for ending in ("svg", "test.parquet")
    if not all(variant.rule for variant in STUDY.variants)
]
TUNING = f"{RESULTS}/tuning"
SEARCHED = set(dynconv.trials.cells(STUDY))
SEARCH_FILES = [
    file
    for dataset, variant in dynconv.trials.cells(STUDY)
    for file in [*trials_of(dataset, variant), *choice_of(dataset, variant).values()]
]


wildcard_constraints:
    dataset="|".join(dataset.name.replace(".", r"\.") for dataset in STUDY.datasets),
    variant="|".join(variant.name for variant in STUDY.variants),
    seed=r"\d+",
    trial=r"\d+",
