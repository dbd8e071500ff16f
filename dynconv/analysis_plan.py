"""The analysis plan: what will be tested, and how, fixed before the runs."""

import hashlib
import json
import math
from typing import Annotated, Any, Literal, get_args

import pydantic
from pydantic import Field

from dynconv.errors import DynconvError, valid
from dynconv.explain import Strict, problems

Task = Literal["classification", "segmentation", "timeseries"]
TASKS: tuple[str, ...] = get_args(Task)
METRICS = {
    "classification": ("accuracy", "accuracy_top5", "balanced_accuracy"),
    "segmentation": ("miou", "pixel_accuracy"),
    "timeseries": ("accuracy", "accuracy_top5", "balanced_accuracy"),
}
PRIMARY_METRIC = {"classification": "accuracy", "segmentation": "miou", "timeseries": "accuracy"}

ROPE = 0.01

Adjustment = Literal["holm", "shaffer", "bergmann_hommel", "hommel", "bh", "romano_wolf"]
ADJUSTMENTS: tuple[str, ...] = get_args(Adjustment)
FamilyName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
Rule = Literal["control", "rest", "all"]
RULES: tuple[str, ...] = get_args(Rule)
Pairs = tuple[tuple[str, str], ...]


class Analysis(Strict):
    """The analysis plan.  `docs/statistics.md` explains each choice."""

    control: str = "vanilla"
    metric: dict[Task, str] = Field(default_factory=lambda: dict(PRIMARY_METRIC))  # type: ignore[arg-type]
    # Hypotheses that share an adjustment.  control: each variant against the control; rest: every pair that is in no
    # other family; all: every pair; or a list of pairs.  Pairs of no family are exploratory.
    families: dict[FamilyName, Rule | Pairs] = Field(default={"primary": "control", "secondary": "rest"}, min_length=1)
    adjustment: Adjustment = "holm"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05  # of each family of a task
    # A difference smaller than this is of no practical importance (units of the metric): one number, or one a task.
    rope: float | dict[str, float] = ROPE
    evaluate: Literal["last_epoch"] = "last_epoch"  # which network of a run is tested: never the best on the test split
    # A run without a value.  omit: the mean is over the other seeds; worst: it counts as the worst run of its dataset;
    # drop_dataset: no variant is compared on that dataset.
    failed_runs: Literal["omit", "worst", "drop_dataset"] = "omit"
    prob_better: Annotated[float, Field(gt=0.5, lt=1)] = (
        0.75  # P(A > B) from which one dataset's difference is meaningful
    )
    power: Annotated[float, Field(gt=0, lt=1)] = 0.8  # that is wanted
    posterior: bool = True  # the Bayesian part
    resamples: Annotated[int, Field(ge=100)] = 10_000
    seed: Annotated[int, Field(ge=0)] = 0  # of everything that is drawn

    @pydantic.field_validator("metric", mode="after")
    @classmethod
    def _metrics(cls, value: dict[Task, str]) -> dict[Task, str]:
        for task, metric in value.items():
            if metric not in METRICS[task]:
                raise ValueError(f"{task}: {metric!r} is not one of its metrics; {valid(METRICS[task])}")
        return {**PRIMARY_METRIC, **value}  # type: ignore[dict-item]

    @pydantic.field_validator("rope", mode="before")
    @classmethod
    def _rope(cls, value: Any) -> Any:
        for number in value.values() if isinstance(value, dict) else [value]:
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
                raise ValueError(f"{number!r} cannot be used; valid: a number from 0, in units of the metric")
        return {**dict.fromkeys(TASKS, ROPE), **value} if isinstance(value, dict) else value

    @pydantic.field_validator("families", mode="before")
    @classmethod
    def _form_of_families(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValueError(f"{value!r} names no family; valid: a mapping such as {{primary: control}}")
        for name, rule in value.items():
            pairs = rule if isinstance(rule, list | tuple) else None
            good = rule in RULES if pairs is None else bool(pairs) and all(map(_is_pair, pairs))
            if not good:
                raise ValueError(f"{name}: {rule!r} is no rule; {valid(RULES)}, or pairs such as [[odconv, vanilla]]")
        return value

    @pydantic.field_validator("families", mode="after")
    @classmethod
    def _families(cls, value: dict[str, Rule | Pairs]) -> dict[str, Rule | Pairs]:
        if EXPLORATORY in value:
            raise ValueError(f"{EXPLORATORY!r} is what pairs of no family are called; choose another name")
        rules = [rule for rule in value.values() if isinstance(rule, str)]
        if twice := sorted({rule for rule in rules if rules.count(rule) > 1}):
            raise ValueError(f"{twice[0]!r} stands twice; a pair belongs to one family")
        if "all" in rules and len(value) > 1:
            raise ValueError("'all' takes every pair, so no other family can be; valid: all alone, or control and rest")
        seen: dict[frozenset[str], str] = {}
        for name, rule in value.items():
            for pair in () if isinstance(rule, str) else rule:
                if pair[0] == pair[1]:
                    raise ValueError(f"{name}: {pair[0]!r} is paired with itself")
                if other := seen.get(frozenset(pair)):
                    raise ValueError(f"{name}: {' - '.join(pair)} is in {other!r} already; valid: each pair once")
                seen[frozenset(pair)] = name
        return value

    def decides(self, datasets: int) -> Adjustment:
        """The adjustment that decides over so many datasets: over one there are no signs to flip, and Holm's does."""
        return "holm" if datasets == 1 and self.adjustment == "romano_wolf" else self.adjustment

    def rope_of(self, task: str) -> float:
        """The half-width of the region of practical equivalence of a task.

        Raises:
            DynconvError: the plan gives one a task, and none for this one.
        """
        if not isinstance(self.rope, dict):
            return self.rope
        if task not in self.rope:
            raise DynconvError(f"rope: none for task {task!r}; {valid(self.rope)}")
        return self.rope[task]

    @property
    def plan_hash(self) -> str:
        """Digest of the whole plan, which every run carries: a plan that was changed after runs were made shows."""
        return digest(self.model_dump(mode="json"))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(name, str) for name in value)


EXPLORATORY = "exploratory"  # the family of pairs that the plan names in none


def make_analysis(settings: dict[str, Any], base: Analysis | None = None) -> Analysis:
    """`base` (default: the default plan) with other `settings`, checked.

    Raises:
        DynconvError: unknown setting, or a value that cannot be used; one line a problem.
    """
    try:
        return Analysis.model_validate({**(base.model_dump() if base else {}), **settings})
    except pydantic.ValidationError as error:
        raise DynconvError("\n".join(problems(error, Analysis))) from None


def digest(content: Any) -> str:
    """Sixteen hexadecimal digits that stand for plain dicts, lists, texts and numbers."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
