"""What the analysis of a study will be able to say, told before its runs."""

from dynconv.analysis_plan import EXPLORATORY, Analysis
from dynconv.stats.families import families
from dynconv.stats.floors import at_best, datasets_needed, floor, seed_floor, seeds_needed
from dynconv.stats.verdict import ADJUSTED
from dynconv.study import Study


def plan_line(plan: Analysis) -> str:
    """The plan in a line."""
    rope = plan.rope if isinstance(plan.rope, float) else ", ".join(f"{t} {r:g}" for t, r in plan.rope.items())
    return (
        f"analysis plan {plan.plan_hash}: against {plan.control}; {plan.adjustment}, alpha {plan.alpha:g};"
        f" differences within ±{rope} do not matter; failed runs: {plan.failed_runs}"
    )


def floor_lines(study: Study, datasets: int) -> list[str]:
    """Can each family of a task reject at all?

    The exact two-sided signed-rank test over n datasets has no p below 2 / 2^n; over one dataset, the exact permutation
    test of n seeds against n none below 2 / (2n choose n).
    """
    seeds, alpha, lines = len(study.seeds), study.analysis.alpha, []
    by = study.analysis.decides(datasets)
    for family, pairs in families(study.analysis, [variant.name for variant in study.variants]).items():
        if family == EXPLORATORY:
            continue
        size = len(pairs)
        counted = at_best(size, by)
        if datasets == 1:
            least, over = seed_floor(seeds, seeds), f"{seeds} seeds of one dataset"
            needed = f"{seeds_needed(counted, alpha)} seeds"
        else:
            least, over, needed = floor(datasets), f"{datasets} datasets", f"{datasets_needed(counted, alpha)} datasets"
        least = min(1.0, counted * least)
        tests = f"{family}: " + (f"{size} comparisons" if size > 1 else "1 comparison")
        says = f"the least {ADJUSTED[by]} p over {over} is {least:.2g}"
        if least < alpha:
            lines.append(f"{tests}, can reject: {says}")
        else:
            lines.append(f"{tests}, cannot reject: {says}; {needed} would be needed for alpha = {alpha:g}")
    return lines
