"""How complete the results are: expected, ended well, failed, missing."""

from collections import Counter
from dataclasses import dataclass

from dynconv.report.results import Results

# What a plan that does not leave failed runs out of the means makes of them in comparisons.
_RULES = {
    "worst": "Comparisons and ranks count a failed run as the worst run that any variant has on its dataset; means do"
    " not.",
    "drop_dataset": "Comparisons and ranks leave out every dataset on which a run failed; means do not.",
}
UNKNOWN_TASK = ""  # of a dataset that the study names and no table mentions


@dataclass(frozen=True)
class Coverage:
    """Counts of runs: the study's, or all where the folder holds no study; then `expected` and `missing` are None."""

    ok: int
    failed: int
    expected: int | None
    missing: int | None
    extra: int  # in the tables but not in the study

    @property
    def complete(self) -> bool:
        """Every run is there and ended well, as far as the folder can tell."""
        return not self.failed and not self.missing and self.ok > 0


def coverage(
    results: Results, *, task: str | None = None, dataset: str | None = None, variant: str | None = None
) -> Coverage:
    """The coverage of the runs that match all the names given."""
    total: Counter[str] = Counter()
    for (of_dataset, of_variant), counts in results.counts.items():
        if (
            task in (None, results.task_of.get(of_dataset, UNKNOWN_TASK))
            and dataset in (None, of_dataset)
            and variant in (None, of_variant)
        ):
            total.update(counts)
    known = results.study is not None
    return Coverage(
        ok=total["ok"],
        failed=total["failed"],
        expected=total["ok"] + total["failed"] + total["missing"] if known else None,
        missing=total["missing"] if known else None,
        extra=total["extra"],
    )


def by_dataset(results: Results) -> list[tuple[str, str, Coverage]]:
    """(task, dataset, coverage) by dataset: of the tables, then of the study without a run (`UNKNOWN_TASK`)."""
    names = [(task, dataset) for task in results.tasks for dataset in results.datasets(task)]
    seen = {dataset for _, dataset in names}
    if results.study:
        names += [(UNKNOWN_TASK, d.name) for d in results.study.datasets if d.name not in seen]
    return [(task, dataset, coverage(results, dataset=dataset)) for task, dataset in names]


def failed_rule(results: Results, task: str | None = None) -> str:
    """How comparisons count failed runs, one sentence, where that is not as the means do; else nothing."""
    failed = results.runs[results.runs["status"] != "ok"]
    if task is not None:
        failed = failed[failed["task"] == task]
    return _RULES.get(results.plan.get("analysis", {}).get("failed_runs"), "") if len(failed) else ""
