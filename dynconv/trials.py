"""The trials of a study's search: which there are, and by what recipe each is trained."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from dynconv.errors import DynconvError, valid
from dynconv.recipe import UNCHANGED, Recipe
from dynconv.study import Study, digest
from dynconv.tune import Tune


class TrialKey(NamedTuple):
    """What names a trial."""

    dataset: str
    variant: str
    trial: int

    @property
    def trial_id(self) -> str:
        """`dataset/variant/trial<k>`: the trial's folder below `tuning/`, and a column of its table."""
        return f"{self.dataset}/{self.variant}/trial{self.trial}"


def tune_of(study: Study, dataset: str, variant: str) -> Tune:
    """The search of the study, if it is made for this dataset and variant; DynconvError if not."""
    if study.tune and study.tune.covers(dataset) and not study.variant(variant).rule:
        return study.tune
    found = [f"{dataset} {variant}" for dataset, variant in cells(study)]
    raise DynconvError(f"study {study.name} has no `tune:` for {variant} on {dataset}; {valid(found)}")


def cells(study: Study) -> list[tuple[str, str]]:
    """The (dataset, variant) that the search is made for, in the study's order; those of workflow rules are not."""
    tune = study.tune
    if tune is None:
        return []
    names = [dataset.name for dataset in study.datasets if tune.covers(dataset.name)]
    return [(name, variant.name) for name in names for variant in study.variants if not variant.rule]


def settings(study: Study, dataset: str, task: str) -> tuple[dict[str, Any], ...]:
    """What each trial of `dataset` sets, the same for every variant; empty where the study does not search.

    Raises:
        DynconvError: the keys hold too few values for so many trials.
    """
    if study.tune is None or not study.tune.covers(dataset):
        return ()
    try:
        return study.tune.settings(dataset, study.recipe(dataset, task))
    except ValueError as error:
        raise DynconvError(f"study {study.name}: tune: dataset {dataset}: {error}") from None


def recipe(study: Study, task: str, key: TrialKey) -> Recipe:
    """What a trial is trained by: its settings, and what `tune.recipe` says of the search.

    Raises:
        DynconvError: there is no such trial, or its settings make no recipe.
    """
    tune, known = tune_of(study, key.dataset, key.variant), settings(study, key.dataset, task)
    if not 0 <= key.trial < len(known):
        raise DynconvError(f"{key.trial_id} is not in study {study.name}; valid trials: 0 to {len(known) - 1}")
    return study.recipe(key.dataset, task, {**known[key.trial], **tune.recipe})


def recipes(study: Study, dataset: str, task: str) -> Iterator[Recipe]:
    """Every recipe that the search can lead to on `dataset`: of its trials, and of the runs that take their settings.

    Raises:
        DynconvError: the settings of a trial make no recipe.
    """
    for found in settings(study, dataset, task):
        yield study.recipe(dataset, task, found)
        yield study.recipe(dataset, task, {**found, **(study.tune.recipe if study.tune else {})})


def cut_key(study: Study, dataset: str) -> str:
    """What the cut of the training split is made of: the same for all variants and trials."""
    return f"{study.tune.seed if study.tune else 0}/{dataset}"


def training_seed(study: Study) -> int:
    """The seed of every trial.  One that no run has: settings shall not be chosen for the luck of a run's own seed."""
    seed = study.tune.seed if study.tune else 0
    return int(digest(f"trials/{seed}"), 16) % 2**31


def trial_hash(study: Study, task: str, key: TrialKey) -> str:
    """Digest of all that fixes a trial's numbers but its data and code: change it and the trial is made again."""
    spec, tune = study.variant(key.variant), tune_of(study, key.dataset, key.variant)
    content = {
        "dataset": key.dataset,
        "base": spec.base,
        "options": spec.options,
        "recipe": recipe(study, task, key).model_dump(mode="json", exclude=set(UNCHANGED)),
        "validation": tune.validation,
        "seed": tune.seed,
        # They are what the runs would take: of `tune.recipe` the runs know nothing.
        "settings": settings(study, key.dataset, task)[key.trial],
    }
    return digest(content)
