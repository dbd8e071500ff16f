"""What a study will run, told before it runs.  Imports no torch."""

from collections import Counter
from pathlib import Path

import yaml

from dynconv import data
from dynconv.preflight import preflight
from dynconv.study import Study


def plan(study: Study) -> str:
    """A page of text: runs, data, recipes, and what the statistics will be able to say."""
    preflight(study)
    tasks = {dataset.name: data.spec(dataset.name).task for dataset in study.datasets}
    per_task = Counter(tasks.values())
    runs = list(study.runs())
    done = sum(_run_file(study, key).is_file() for key in runs)
    lines = [
        f"study {study.name}: {len(study.variants)} variants x {len(study.datasets)} datasets x"
        f" {len(study.seeds)} seeds = {len(runs)} runs, {done} of them done in {study.results}/",
        f"files: {3 * len(runs)} of runs, {len(study.variants) * len(study.datasets)} of profiles",
        "",
    ]
    for task, count in sorted(per_task.items()):
        lines.append(f"{task}: {count} datasets, primary metric {study.analysis.metric[task]}")
        lines.append(f"  {_floor(study, count)}")
        for name in (name for name, its in tasks.items() if its == task):
            state = "prepared" if Path(study.data, name, "meta.json").is_file() else "to be prepared"
            lines.append(f"  {name}: {state}")
        recipe = study.recipe(next(name for name, its in tasks.items() if its == task), task)
        text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=10**6)
        lines += [f"    {line}" for line in text.splitlines()]
        lines.append("")
    return "\n".join(lines).rstrip()


def _run_file(study: Study, key) -> Path:
    return Path(study.results, "runs", key.dataset, key.variant, f"seed{key.seed}", "run.parquet")


def _floor(study: Study, datasets: int) -> str:
    """Can the primary family reject at all?  The exact two-sided signed-rank test has no p below 2 / 2^n."""
    family = len(study.variants) - 1
    floor = min(1.0, family * 2.0 / 2.0**datasets)
    if family == 0:
        return "one variant: nothing to compare"
    if floor < study.analysis.alpha:
        return f"can reject: the least Holm-adjusted p of {family} comparisons over {datasets} datasets is {floor:.2g}"
    needed = next(n for n in range(1, 64) if family * 2.0 / 2.0**n < study.analysis.alpha)
    return (
        f"cannot reject: with {datasets} datasets the least Holm-adjusted p of {family} comparisons is {floor:.2g};"
        f" {needed} datasets would be needed for alpha = {study.analysis.alpha:g}"
    )
