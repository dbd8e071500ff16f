"""The search in numbers: what each variant was given, what it cost, and what it chose."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dynconv.report.results import Results


@dataclass(frozen=True)
class Budget:
    """The search of one variant on one task, over the datasets that were searched."""

    task: str
    variant: str
    datasets: int
    trials: int
    failed: int  # trials without a value
    changed: int  # datasets whose choice is not the recipe as it stands
    gain: float | None  # mean over datasets of the chosen value minus the untuned one, validation part; None: no values
    metric: str
    search_s: float
    train_s: float  # of the runs on the same datasets


def budgets(results: Results) -> list[Budget]:
    """One a task and variant, in the report's order."""
    groups = dict(list(results.choices.groupby(["task", "variant"])))
    order = [(task, variant) for task in results.tasks for variant in results.variants]
    return [_budget(results, *key, groups[key]) for key in order if key in groups]


def _budget(results: Results, task: str, variant: str, own: pd.DataFrame) -> Budget:
    runs = results.runs[(results.runs["variant"] == variant) & results.runs["dataset"].isin(own["dataset"])]
    gains = (own["value"] - own["untuned_value"]).dropna()
    return Budget(
        task=task,
        variant=variant,
        datasets=len(own),
        trials=int(own["n_trials"].sum()),
        failed=int(own["n_failed"].sum()),
        changed=int((own["trial"] != 0).sum()),
        gain=float(gains.mean()) if len(gains) else None,
        metric=str(own["metric"].iloc[0]),
        search_s=float(own["train_s"].sum()),
        train_s=float(runs["train_s"].sum()),
    )


def choices(results: Results) -> list[dict[str, Any]]:
    """Every choice, by task, dataset and variant in the report's order, its settings as text: `lr = 0.01`."""
    rows = {(row["dataset"], row["variant"]): row for row in results.choices.to_dict("records")}
    names = [dataset for task in results.tasks for dataset in results.datasets(task)]
    found = [rows[key] for key in ((d, v) for d in names for v in results.variants) if key in rows]
    return [row | {"text": _text(json.loads(row["settings"]))} for row in found]


def _text(settings: dict[str, Any]) -> str:
    words = (f"{key} = {value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items())
    return ", ".join(words) or "as it stands"
