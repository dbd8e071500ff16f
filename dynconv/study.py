"""The one schema of a study: which variants, datasets and seeds, trained how, analysed how.

A study is a YAML file under `config/`.  Everything is checked when it is read, before anything is trained; an unknown
key is an error that lists the valid ones.  This module imports no torch: a login node plans 10,000 runs with it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import pydantic
import yaml
from pydantic import Field

from dynconv import plugins
from dynconv.errors import DynconvError, valid
from dynconv.explain import Strict, meant, problems
from dynconv.recipe import UNCHANGED, NotNegative, Recipe, make_recipe
from dynconv.tune import Tune

Task = Literal["classification", "segmentation", "timeseries"]
TASKS: tuple[str, ...] = get_args(Task)
METRICS = {
    "classification": ("accuracy", "accuracy_top5", "balanced_accuracy"),
    "segmentation": ("miou", "pixel_accuracy"),
    "timeseries": ("accuracy", "accuracy_top5", "balanced_accuracy"),
}
PRIMARY_METRIC = {"classification": "accuracy", "segmentation": "miou", "timeseries": "accuracy"}

VARIANTS = "dynconv.models.variants"
DATASETS = "dynconv.data.datasets"

# Names become folders, wildcards and rule names; a slash separates a dataset's family from its member.
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z0-9_.-]+)?$", max_length=128)]


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
    """One dataset: a file of `dynconv/data/datasets/`, perhaps with a member (`ucr/GunPoint`) and its own recipe."""

    name: DatasetName
    recipe: dict[str, Any] = Field(default_factory=dict)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Analysis(Strict):
    """The analysis plan, fixed before the runs."""

    control: VariantName = "vanilla"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    rope: NotNegative = 0.01  # a difference smaller than this is of no practical importance (metric units, 0-1)
    metric: dict[Task, str] = Field(default_factory=lambda: dict(PRIMARY_METRIC))  # type: ignore[arg-type]
    resamples: Annotated[int, Field(ge=100)] = 10_000
    seed: Annotated[int, Field(ge=0)] = 0  # of the bootstrap

    @pydantic.field_validator("metric", mode="after")
    @classmethod
    def _metrics(cls, value: dict[Task, str]) -> dict[Task, str]:
        for task, metric in value.items():
            if metric not in METRICS[task]:
                raise ValueError(f"{task}: {metric!r} is not one of its metrics; {valid(METRICS[task])}")
        return {**PRIMARY_METRIC, **value}  # type: ignore[dict-item]


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
    data: str = "data"
    results: str = "results"

    @pydantic.field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a list of integers or their number, for example [0, 1, 2] or 3")
        return tuple(range(value)) if isinstance(value, int) else value

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "Study":
        for key, items in (
            ("seeds", self.seeds),
            ("variants", [v.name for v in self.variants]),
            ("datasets", [d.name for d in self.datasets]),
        ):
            if not items:
                raise ValueError(f"{key}: empty; list at least one")
            twice = sorted({str(item) for item in items if list(items).count(item) > 1})
            if twice:
                raise ValueError(f"{key}: listed twice: {', '.join(twice)}; each may stand there once")
        files = plugins.names(VARIANTS)
        for variant in self.variants:
            if not (variant.rule and variant.base == variant.name) and variant.base not in files:
                raise ValueError(
                    f"variants: unknown variant {variant.base!r}{meant(variant.base, files)}; {valid(files)}"
                    " (a variant that a workflow rule writes says `rule: true`)"
                )
        files = plugins.names(DATASETS)
        for dataset in self.datasets:
            family = dataset.name.partition("/")[0]
            if family not in files:
                raise ValueError(f"datasets: unknown dataset {dataset.name!r}{meant(family, files)}; {valid(files)}")
        if len(self.variants) < 2:
            raise ValueError("variants: a study compares at least two, the control among them")
        if self.analysis.control not in (known := [v.name for v in self.variants]):
            raise ValueError(
                f"analysis.control: {self.analysis.control!r} is not a variant of this study; {valid(known)}"
            )
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
        """Digest of the whole study, analysis plan included (folders excluded)."""
        return digest(self.model_dump(mode="json", exclude={"data", "results", *(() if self.tune else ("tune",))}))


def load(path: str | Path) -> Study:
    """Read and check a study.

    Raises:
        DynconvError: one line a problem, each naming the file, the key and what would be valid.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError:
        near = sorted(str(p) for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise DynconvError(f"{path}: no such study; {valid(near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DynconvError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise DynconvError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return parse(content, str(path))


def parse(content: Any, source: str) -> Study:
    """Check a study given as plain dicts and lists; `source` names it in errors."""
    if not isinstance(content, dict):
        raise DynconvError(f"{source}: a study is a mapping of keys; {valid(Study.model_fields)}")
    try:
        return Study.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [f"{source}: {line}" for line in problems(error, Study)]
        raise DynconvError("\n".join(lines)) from None


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice instead of silently keeping the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if isinstance(key, str) and key in seen:
                raise yaml.YAMLError(f"key {key!r} is written twice (line {key_node.start_mark.line + 1})")
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)


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


def digest(content: Any) -> str:
    """Sixteen hexadecimal digits that stand for plain dicts, lists, texts and numbers."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
