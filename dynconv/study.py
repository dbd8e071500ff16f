"""The one schema of a study: which variants, datasets and seeds, trained how, analysed how.

A study is a YAML file under `config/`.  Everything is checked when it is read, before anything is trained; an unknown
key is an error that lists the valid ones.  This module imports no torch: a login node plans 10,000 runs with it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import Field

from dynconv import expand, plugins, yaml_file
from dynconv.analysis_plan import METRICS as METRICS
from dynconv.analysis_plan import PRIMARY_METRIC as PRIMARY_METRIC
from dynconv.analysis_plan import TASKS, Analysis, Task
from dynconv.analysis_plan import digest as digest
from dynconv.errors import DynconvError, valid
from dynconv.explain import Strict, meant, problems
from dynconv.keep import Keep
from dynconv.plugins import DATASETS as DATASETS
from dynconv.plugins import VARIANTS as VARIANTS
from dynconv.recipe import UNCHANGED, Recipe, make_recipe
from dynconv.tune import Tune

# Names become folders, wildcards and rule names; a slash separates a dataset's family from its member.
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z0-9_.*?!\[\]-]+)?$", max_length=128)]


class Variant(Strict):
    """One way to build the backbone: a file of `dynconv/models/variants/`, perhaps with options."""

    name: VariantName
    base: VariantName = ""  # the file; by default the one of the variant's own name
    options: dict[str, Any] = Field(default_factory=dict)
    rule: bool = False  # True: a hand-written rule in workflow/rules/variants/ writes its runs

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        if isinstance(value, dict) and "name" in value:
            value = {"base": value["name"], **value}
        return value


class Dataset(Strict):
    """One dataset: a file of `dynconv/data/datasets/`, perhaps with a member (`ucr/GunPoint`) and its own recipe.

    In a study's file also a word for many, such as `ucr/*` or `ucr112`; `Study.datasets` has them expanded.
    """

    name: DatasetName
    recipe: dict[str, Any] = Field(default_factory=dict)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class RunKey(NamedTuple):
    """What names a run."""

    dataset: str
    variant: str
    seed: int

    @property
    def run_id(self) -> str:
        """`dataset/variant/seed<k>`: the column of every table, and the run's folder below `runs/`."""
        return f"{self.dataset}/{self.variant}/seed{self.seed}"


class Study(Strict):
    """Variants x datasets x seeds, with recipes and the analysis plan."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=64)]
    variants: tuple[Variant, ...]
    datasets: tuple[Dataset, ...]
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...]
    recipes: dict[Task, dict[str, Any]] = Field(default_factory=dict)
    tune: Tune | None = None  # None: every variant is trained by the recipe as it stands
    analysis: Analysis = Analysis()
    on_failure: Literal["stop", "record"] = "stop"  # record: a lost run becomes a failed row, the report is made
    keep: Keep = Keep()
    diagnostics: bool = True  # look at what the layers do while they train: changes no number (docs/diagnostics.md)
    data: str = "data"
    results: str = "results"

    @pydantic.field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a list of integers or their number, for example [0, 1, 2] or 3")
        return tuple(range(value)) if isinstance(value, int) else value

    @pydantic.field_validator("datasets", "variants", "seeds", mode="after")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        items = [getattr(item, "name", item) for item in value]
        if not items:
            raise ValueError("empty; list at least one")
        if twice := sorted(str(item) for item, count in Counter(items).items() if count > 1):
            raise ValueError(f"listed twice: {', '.join(twice)}; each may stand there once")
        return value

    @pydantic.field_validator("datasets", mode="after")
    @classmethod
    def _expanded(cls, value: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
        try:
            recipes = expand.merge((entry.name, entry.recipe) for entry in value)
        except DynconvError as error:
            raise ValueError(str(error)) from None
        return tuple(Dataset(name=name, recipe=recipe) for name, recipe in recipes.items())

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "Study":
        files = plugins.names(VARIANTS)
        for variant in self.variants:
            if not (variant.rule and variant.base == variant.name) and variant.base not in files:
                raise ValueError(
                    f"variants: unknown variant {variant.base!r}{meant(variant.base, files)}; {valid(files)}"
                    " (a variant that a workflow rule writes says `rule: true`)"
                )
        if len(self.variants) < 2:
            raise ValueError("variants: a study compares at least two, the control among them")
        if self.analysis.control not in (known := [v.name for v in self.variants]):
            raise ValueError(
                f"analysis.control: {self.analysis.control!r} is not a variant of this study; {valid(known)}"
            )
        self._check_analysis(known)
        for task in TASKS:
            make_recipe(self.recipes.get(task, {}), f"recipes.{task}")  # type: ignore[call-overload]
        for dataset in self.datasets:
            # Its task is not known here: its keys must make a recipe with those of one of the tasks, at least.
            bases = [self.recipes.get(task, {}) for task in TASKS]  # type: ignore[call-overload]
            problem = _first_problem([{**base, **dataset.recipe} for base in bases], f"datasets.{dataset.name}.recipe")
            if problem:
                raise problem
        if self.tune:
            self.tune.check(dataset.name for dataset in self.datasets)
        return self

    def _check_analysis(self, variants: list[str]) -> None:
        for name, pairs in self.analysis.families.items():
            for variant in () if isinstance(pairs, str) else chain(*pairs):
                if variant not in variants:
                    raise ValueError(
                        f"analysis.families.{name}: {variant!r} is not a variant of this study; {valid(variants)}"
                    )
        rope = self.analysis.rope
        if isinstance(rope, dict) and (unknown := sorted(set(rope) - set(TASKS))):
            raise ValueError(f"analysis.rope: unknown task {unknown[0]!r}; {valid(TASKS)}")

    def recipe(self, dataset: str, task: str, settings: Mapping[str, Any] | None = None) -> Recipe:
        """The recipe of `dataset`: the task's, overridden by the dataset's own keys, and those by `settings`.

        Raises:
            DynconvError: the keys clash.
        """
        own = {**self.dataset(dataset).recipe, **(settings or {})}
        where = f"datasets.{dataset}.recipe" + (f" with {json.dumps(settings)}" if settings else "")
        try:
            return make_recipe({**self.recipes.get(task, {}), **own}, where)  # type: ignore[call-overload]
        except ValueError as error:
            raise DynconvError(f"study {self.name}: {error}") from None

    def variant(self, name: str) -> Variant:
        """The variant of that name; DynconvError if the study has none."""
        return _one(self.variants, name, f"study {self.name}: unknown variant")

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name; DynconvError if the study has none."""
        return _one(self.datasets, name, f"study {self.name}: unknown dataset")

    def runs(self) -> Iterator[RunKey]:
        """Every run of the study, in the order of the file."""
        for dataset in self.datasets:
            for variant in self.variants:
                for seed in self.seeds:
                    yield RunKey(dataset.name, variant.name, seed)

    def run_hash(self, dataset: str, task: str, variant: str, settings: Mapping[str, Any] | None = None) -> str:
        """Digest of all that fixes a run's numbers but its seed, data and code: change it and the run is retrained."""
        spec = self.variant(variant)
        recipe = self.recipe(dataset, task, settings).model_dump(mode="json", exclude=set(UNCHANGED))
        return digest({"dataset": dataset, "base": spec.base, "options": spec.options, "recipe": recipe})

    @property
    def study_hash(self) -> str:
        """Digest of the whole study, analysis plan included (folders, what they keep and diagnostics excluded)."""
        unsaid = {"data", "results", "keep", "diagnostics", *(() if self.tune else ("tune",))}
        return digest(self.model_dump(mode="json", exclude=unsaid))


def load(path: str | Path) -> Study:
    """Read and check a study.

    Raises:
        DynconvError: one line a problem, each naming the file, the key and what would be valid.
    """
    return parse(yaml_file.read(Path(path), "study"), str(path))


def parse(content: Any, source: str) -> Study:
    """Check a study given as plain dicts and lists; `source` names it in errors."""
    if not isinstance(content, dict):
        raise DynconvError(f"{source}: a study is a mapping of keys; {valid(Study.model_fields)}")
    try:
        return Study.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [f"{source}: {line}" for line in problems(error, Study)]
        raise DynconvError("\n".join(lines)) from None


def _first_problem(candidates: list[dict[str, Any]], where: str) -> ValueError | None:
    """None if one of the candidates makes a recipe, else what is wrong with the first."""
    problems_found = []
    for keys in candidates:
        try:
            make_recipe(keys, where)
            return None
        except ValueError as error:
            problems_found.append(error)
    return problems_found[0]


def _one(items, name, message):
    for item in items:
        if item.name == name:
            return item
    raise DynconvError(f"{message} {name!r}; {valid(item.name for item in items)}")
