"""Coverage and failures: what was expected, what came, what failed and why."""

from collections.abc import Iterator, Mapping

from dynconv.report.coverage import UNKNOWN_TASK, coverage
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import STUDY, Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section: a row a dataset, then every failed run with its cause, then the missing runs."""
    rows = [(task, d, coverage(results, dataset=d)) for task in results.tasks for d in results.datasets(task)]
    there = set(zip(results.runs["dataset"], results.runs["variant"], results.runs["seed"], strict=True))
    missing = []
    if results.study:
        seen = {dataset for _, dataset, _ in rows}
        unseen = [d.name for d in results.study.datasets if d.name not in seen]
        rows += [(UNKNOWN_TASK, name, coverage(results, dataset=name)) for name in unseen]
        missing = [key for key in results.study.runs() if tuple(key) not in there]
    context = {
        "rows": rows,
        "total": coverage(results),
        "failed": results.runs[results.runs["status"] != "ok"].to_dict("records"),
        "missing": missing,
        "study_file": STUDY,
        "absent": results.absent,
    }
    yield Section("coverage", "Coverage and failures", "completeness.html.j2", context)
