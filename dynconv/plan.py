"""What a study will run, told before it runs.  Imports no torch."""

from collections import Counter
from pathlib import Path

import yaml

from dynconv import data
from dynconv.preflight import preflight
from dynconv.stats.multiplicity import datasets_needed, floor
from dynconv.study import Study


def plan(study: Study) -> str:
    """A page of text: runs, data, recipes, and what the statistics will be able to say."""
    preflight(study)
    tasks = {dataset.name: data.spec(dataset.name).task for dataset in study.datasets}
    per_task = Counter(tasks.values())
    runs = list(study.runs())
    done = sum(Path(study.results, "runs", key.run_id, "run.parquet").is_file() for key in runs)
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


def _floor(study: Study, datasets: int) -> str:
    """Can the primary family reject at all?  The exact two-sided signed-rank test has no p below 2 / 2^n."""
    family = len(study.variants) - 1
    least = min(1.0, family * floor(datasets))
    if least < study.analysis.alpha:
        return f"can reject: the least Holm-adjusted p of {family} comparisons over {datasets} datasets is {least:.2g}"
    needed = datasets_needed(family, study.analysis.alpha)
    return (
        f"cannot reject: with {datasets} datasets the least Holm-adjusted p of {family} comparisons is {least:.2g};"
        f" {needed} datasets would be needed for alpha = {study.analysis.alpha:g}"
    )
