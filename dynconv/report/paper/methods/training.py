"""How the networks were trained: the recipe of each task, what datasets override, the search, the hardware."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dynconv.recipe import UNCHANGED, Recipe, make_recipe
from dynconv.report import numbers
from dynconv.report.paper.prose import Cite, Paragraph, cite
from dynconv.report.paper.words import count
from dynconv.report.results import Results
from dynconv.study import Study
from dynconv.tune import Range

_TEMPERATURE = {"odconv", "odconv_static", "dyconv"}  # variants whose attention has one that a recipe anneals
_HOW = ("strategy", "world_size", "precision", "device")
_STRATEGIES = {"single": "one process", "ddp": "distributed data-parallel", "deepspeed": "DeepSpeed\u2019s ZeRO"}
_SOURCES = {"ddp": "li2020", "deepspeed": "rajbhandari2020"}


def paragraphs(results: Results) -> Iterator[Paragraph]:
    """A paragraph a task with runs that ended well, then the search, then the hardware."""
    for task in results.tasks:
        if (results.ok["task"] == task).any():
            yield Paragraph(f"Training, {numbers.task_title(task).lower()}", tuple(_training(results, task)))
    if results.study and len(results.ok):
        yield Paragraph("Tuning", tuple(_tuning(results, results.study)))


def _training(results: Results, task: str) -> Iterator[str | Cite]:
    ok = results.ok[results.ok["task"] == task]
    there = set(ok["dataset"])
    datasets = [d for d in results.datasets(task) if d in there]
    study = results.study
    declared = {d.name for d in study.datasets} if study else set()
    known = [d for d in datasets if d in declared]
    if study and known:
        recipes = {d: study.recipe(d, task) for d in known}
        counts, base = Counter(recipes.values()), make_recipe(study.recipes.get(task, {}), task)  # type: ignore[call-overload]
        usual = max(counts, key=lambda recipe: (counts[recipe], recipe == base))
        yield from _recipe(usual, task, _bases(study))
        yield from _overrides(usual, recipes)
        if own := _own(study):
            yield f" The recipe does not bind {numbers.listing(own)}."
        yield from _recorded(results, task, recipes)
    else:
        low, high = ok["epochs"].min(), ok["epochs"].max()
        if numbers.known(low):
            yield f"Runs took {low:.0f}{'' if low == high else f' to {high:.0f}'} epochs; the folder records no recipe."
        else:
            yield "The folder records no recipe."
    if ok["pretrained"].isna().all():
        yield " All networks were trained from scratch."
    else:
        names = numbers.listing(sorted(ok["pretrained"].dropna().unique()))
        yield f" Weights trained on {names} were the start of {count(int(ok['pretrained'].notna().sum()), 'run')}."
    yield from _hardware(results, task)


def _own(study: Study) -> list[str]:
    """Variants that a workflow rule of their own trains, by what recipe is not known."""
    return [v.name for v in study.variants if v.rule and v.base == v.name]


def _bases(study: Study) -> set[str]:
    return {v.base for v in study.variants}


def _recipe(r: Recipe, task: str, bases: set[str]) -> Iterator[str | Cite]:
    series = task == "timeseries"
    size, dimensions = (3 if r.stem == "small" else 7), "one-dimensional " if series else ""
    stem = f"stem of {size}" + ("" if series else f"{numbers.TIMES}{size}") + " and stride "
    stem += "1" if r.stem == "small" else "2, and max-pooling"
    yield f"A {dimensions}ResNet-{r.depth} of width {r.width:g} with a {stem}"
    if task == "segmentation":
        yield f", output stride {r.output_stride} and a head after {'DeepLabv3' if r.head == 'deeplabv3' else 'FCN'}"
        yield cite("chen2017" if r.head == "deeplabv3" else "long2015")
    batch = f"batches of {r.batch_size}"
    if r.batch_fraction:
        batch = f"batches of {r.batch_fraction:g} of the training split, at least 8 and at most {r.batch_size}"
    yield f" was trained for {count(r.epochs, 'epoch')} in {batch} "
    yield from _optimiser(r)
    yield f", weight decay {r.weight_decay:g}" if r.weight_decay else ", no weight decay"
    yield from _schedule(r)
    yield f"; augmentation: {numbers.listing(list(r.augment)).replace('_', ' ') if r.augment else 'none'}"
    for value, words in (
        (r.label_smoothing, "label smoothing"),
        (r.clip_norm, "gradients clipped to norm"),
        (r.ema_decay, "evaluation of the moving average of the weights with decay"),
    ):
        if value:
            yield f"; {words} {value:g}"
    yield "."
    if bases & _TEMPERATURE:
        yield (
            f" Where an attention has a temperature, it fell linearly from {r.temperature_start:g} to"
            f" {r.temperature_end:g} over the first {_epochs(r.temperature_epochs)}."
        )


def _epochs(number: float) -> str:
    return f"{number:g} epoch{'' if number == 1 else 's'}"


def _optimiser(r: Recipe) -> Iterator[str | Cite]:
    if r.optimizer == "sgd":
        kind = "Nesterov momentum" if r.nesterov else "momentum"
        yield f"by stochastic gradient descent with {kind} {r.momentum:g}, learning rate {r.lr:g}"
        return
    yield "by Adam" if r.optimizer == "adam" else "by AdamW"
    yield cite("kingma2015" if r.optimizer == "adam" else "loshchilov2019")
    yield f" with learning rate {r.lr:g}"


def _schedule(r: Recipe) -> Iterator[str | Cite]:
    if r.schedule == "cosine":
        yield ", a cosine schedule"
        yield cite("loshchilov2017")
    elif r.schedule == "step":
        epochs = numbers.listing([str(n) for n in r.step_epochs])
        yield f", the rate multiplied by {r.step_factor:g} after epochs {epochs}"
    elif r.schedule == "plateau":
        yield f", the rate multiplied by {r.plateau_factor:g} after {r.plateau_patience} epochs without a lower loss"
    else:
        yield ", a constant rate"
    if r.min_lr:
        yield f" down to {r.min_lr:g}"
    if r.warmup_epochs:
        yield f" after {_epochs(r.warmup_epochs)} of warm-up"


def _overrides(usual: Recipe, recipes: dict[str, Recipe]) -> Iterator[str]:
    """What differs from the usual recipe, by the datasets for which it does."""
    groups: dict[str, list[str]] = {}
    for dataset, recipe in recipes.items():
        plain = usual.model_dump()
        new = {k: v for k, v in recipe.model_dump().items() if v != plain[k] and k not in UNCHANGED}
        if new:
            groups.setdefault(_settings(new), []).append(dataset)
    if len(groups) > 5:
        yield f" {count(sum(map(len, groups.values())), 'dataset')} have settings of their own (study.yaml lists them)."
        return
    for settings, datasets in groups.items():
        names = numbers.listing(datasets) if len(datasets) <= 6 else count(len(datasets), "dataset")
        yield f" On {names}: {settings}."


def _settings(values: dict[str, Any]) -> str:
    return numbers.listing(
        [f"{key} = {', '.join(map(str, v)) if isinstance(v, list | tuple) else v}" for key, v in values.items()]
    )


def _recorded(results: Results, task: str, recipes: dict[str, Recipe]) -> Iterator[str]:
    """Runs whose recorded epochs are not the recipe's: the text must not say that they were."""
    own = {v.name for v in results.study.variants if v.rule} if results.study else set()
    ok = results.ok[(results.ok["task"] == task) & ~results.ok["variant"].isin(own)]
    tuned = results.study is not None and results.study.tune is not None and "epochs" in results.study.tune.keys
    expected = ok["dataset"].map({d: r.epochs for d, r in recipes.items()})
    other = ok[(ok["epochs"] != expected) & expected.notna() & ok["epochs"].notna()]
    if len(other) and not tuned:
        epochs = sorted({int(n) for n in other["epochs"]})
        yield f" {count(len(other), 'run')} record another number of epochs ({', '.join(map(str, epochs))})."


def _hardware(results: Results, task: str) -> Iterator[str | Cite]:
    ok = results.ok[results.ok["task"] == task]
    groups = ok.groupby(list(_HOW), dropna=False).size().reset_index(name="n")
    yield " Runs used "
    for place, row in enumerate(groups.sort_values(["n", *_HOW], ascending=False).to_dict("records")):
        yield "; " * (place > 0)
        strategy = row["strategy"] if isinstance(row["strategy"], str) else ""
        yield _STRATEGIES.get(strategy, strategy or "an unrecorded strategy")
        if strategy in _SOURCES:
            yield cite(_SOURCES[strategy])
        if numbers.known(row["world_size"]) and row["world_size"] > 1:
            yield f" over {int(row['world_size'])} processes"
        yield f", {row['precision']}" if isinstance(row["precision"], str) else ""
        yield f", on {row['device']}" if isinstance(row["device"], str) else ", on unrecorded hardware"
        yield f" ({count(row['n'], 'run')})" if len(groups) > 1 else ""
    yield "."


def _tuning(results: Results, study: Study) -> Iterator[str | Cite]:
    tune = study.tune
    if tune is None:
        yield "The study tuned no hyper-parameter: on each dataset every variant was trained by the same recipe"
        yield f", but for {numbers.listing(own)}." if (own := _own(study)) else "."
        return
    choices = results.choices
    if choices.empty:
        yield "The study declares a search of hyper-parameters, of which the folder holds no choice."
        return
    cells = "one pair" if len(choices) == 1 else f"each of {len(choices)} pairs"
    yield f"Before the runs, {_keys(tune.keys)} were searched for {cells} of a dataset and a variant"
    if tune.search == "random":
        yield ", at random"
        yield cite("bergstra2012")
    else:
        yield ", on a grid"
    low, high = int(choices["n_trials"].min()), int(choices["n_trials"].max())
    yield (
        f", with the same {low if low == high else f'{low} to {high}'} trials for every variant, the recipe as it"
        f" stands among them. Trials were judged on {100 * tune.validation:g} per cent of the training split, which was"
        " held out; the test split took no part. "
    )
    if tune.recipe:
        yield f"In trials, {_settings(tune.recipe)}. "
    changed = int((choices["trial"] != 0).sum())
    failed = int(choices["n_failed"].sum())
    yield f"The search changed the recipe of {changed} of {len(choices)}."
    if failed:
        yield f" {count(failed, 'trial').capitalize()} {'has' if failed == 1 else 'have'} no value."


def _keys(keys: Any) -> str:
    parts = []
    for key, values in keys.items():
        if isinstance(values, Range):
            scale = ", logarithmic" if values.scale == "log" else ""
            parts.append(f"{key} ({values.low:g} to {values.high:g}{scale})")
        else:
            parts.append(f"{key} ({', '.join(json.dumps(v, default=str) for v in values)})")
    return numbers.listing(parts)
