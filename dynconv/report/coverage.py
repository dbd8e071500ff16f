"""How complete the results are: expected, ended well, failed, missing."""

from dataclasses import dataclass

from dynconv.report.results import Results

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

    def wanted(of_dataset: str, of_variant: str) -> bool:
        return (
            task in (None, results.task_of.get(of_dataset, UNKNOWN_TASK))
            and dataset in (None, of_dataset)
            and variant in (None, of_variant)
        )

    runs = results.runs
    there = {
        (d, v, s): status
        for d, v, s, status in zip(runs["dataset"], runs["variant"], runs["seed"], runs["status"], strict=True)
        if wanted(d, v)
    }
    study = results.study
    expected = {tuple(key) for key in study.runs() if wanted(key.dataset, key.variant)} if study else there.keys()
    found = [status for key, status in there.items() if key in expected]
    ok = found.count("ok")
    return Coverage(
        ok=ok,
        failed=len(found) - ok,
        expected=len(expected) if study else None,
        missing=len(expected - there.keys()) if study else None,
        extra=len(there) - len(found),
    )
