"""Coverage and failures: what was expected, what came, what failed and why."""

from collections import Counter
from collections.abc import Iterator, Mapping

from dynconv.report import failures
from dynconv.report.coverage import by_dataset, coverage, failed_rule
from dynconv.report.figures.drawing import Drawing
from dynconv.report.results import STUDY, Results
from dynconv.report.sections.section import Section


def sections(results: Results, drawings: Mapping[str, Drawing]) -> Iterator[Section]:
    """One section: a row a dataset, a grid by variant, why runs failed, each failed run, what is missing."""
    counted = {variant for _, variant in results.counts}
    context = {
        "rows": by_dataset(results),
        "total": coverage(results),
        "failed_rule": failed_rule(results),
        "variants": [variant for variant in results.variants if variant in counted],
        "cells": {key: _cell(counts) for key, counts in results.counts.items()},
        "causes": failures.causes(results),
        "failed": failures.failures(results),
        "total_failed": int((results.runs["status"] != "ok").sum()),
        "tails": failures.TAILS,
        "missing": _missing(results),
        "study_file": STUDY,
        "absent": results.absent,
    }
    yield Section("coverage", "Coverage and failures", "completeness.html.j2", context)


def _cell(counts: Counter[str]) -> tuple[int | None, int]:
    """Runs that ended well (None: there is no run at all), and all that the study, or without one the table, names."""
    there = counts["ok"] + counts["failed"]
    return (counts["ok"] if there else None), there + counts["missing"]


def _missing(results: Results) -> list[tuple[str, str, list[int]]]:
    """(dataset, variant, seeds) of the study's runs that are not in the table."""
    if results.study is None:
        return []
    names = (results.runs[column].tolist() for column in ("dataset", "variant", "seed"))
    there = set(zip(*names, strict=True))
    found: dict[tuple[str, str], list[int]] = {}
    for key in results.study.runs():
        if tuple(key) not in there:
            found.setdefault((key.dataset, key.variant), []).append(key.seed)
    return [(*key, seeds) for key, seeds in found.items()]
