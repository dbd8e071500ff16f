"""How often a comparison is wrong when nothing differs, and how often an interval holds the truth."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import ours
import peers
from designs import Design
from tally import Share
from truth import truths

ALPHA = ours.ALPHA
DATASETS = (3, 5, 8, 16, 32, 64, 128)
CHUNK = 25  # tables a call of a worker
# Form, and whether one variant is truly worse.  `skewed` is not among them: a rank test's null is that differences are
# symmetric, and there only their mean is zero.
NULLS = (
    ("normal", False),
    ("normal", True),
    ("heavy tails", False),
    ("accuracies", False),
    ("unequal spread", False),
    ("A/A seeds", False),
    ("A/A labels", False),
)
PEER_NULLS = (("normal", False), ("normal", True), ("accuracies", False), ("A/A seeds", False), ("A/A labels", False))
# Form and seeds.
INTERVALS = (
    ("normal", 3),
    ("normal", 5),
    ("normal", 10),
    ("normal, one better", 5),
    ("heavy tails", 5),
    ("accuracies", 5),
    ("unequal spread", 5),
    ("skewed", 5),
)
Counts = Counter[tuple[str, ...]]  # hits by what was counted; under (*what, "of") how many tables there were


def errors(
    designs: Iterable[Design], tables: int, jobs: int, resamples: int
) -> Iterator[tuple[Design, dict[tuple[str, ...], Share]]]:
    """Family-wise errors of dynconv: by family and adjustment, the share of tables with any false rejection."""
    return count(partial(_errors, resamples=resamples), designs, tables, jobs)


def peer_errors(
    designs: Iterable[Design], tables: int, jobs: int, only: tuple[str, ...]
) -> Iterator[tuple[Design, dict[tuple[str, ...], Share]]]:
    """The same of every installed peer and dynconv over all pairs of variants: by name and `wrong`.

    By name and `found`: how often a variant that is truly worse is told from the next one, if it is named first.
    """
    return count(partial(_peer_errors, only=only), designs, tables, jobs)


def coverage(
    designs: Iterable[Design], tables: int, jobs: int, resamples: int
) -> Iterator[tuple[Design, dict[tuple[str, ...], Share]]]:
    """By effect, the share of intervals that hold the truth; tables without an interval are not counted."""
    return count(partial(_coverage, resamples=resamples), designs, tables, jobs)


def designs(forms: Iterable[tuple[str, bool]], variants: int, datasets: Iterable[int], seeds: int) -> list[Design]:
    """The published tables hold eight variants and one value a dataset."""
    return [
        Design(
            form, min(variants, 8) if form == "A/A labels" else variants, n, 1 if form == "A/A labels" else seeds, worse
        )
        for form, worse in forms
        for n in datasets
    ]


def count(
    what: Callable[[Design, range], Counts], designs: Iterable[Design], tables: int, jobs: int
) -> Iterator[tuple[Design, dict[tuple[str, ...], Share]]]:
    """Shares by what `what` counted, of `tables` tables of each design, as soon as a design is through."""
    chunks = [range(start, min(start + CHUNK, tables)) for start in range(0, tables, CHUNK)]
    with ProcessPoolExecutor(jobs, initializer=peers.quiet) as pool:
        waiting = [(design, [pool.submit(what, design, chunk) for chunk in chunks]) for design in designs]
        for design, parts in waiting:
            total = sum((part.result() for part in parts), Counts())
            yield design, {key[:-1]: Share(total[key[:-1]], of) for key, of in total.items() if key[-1] == "of"}


def _errors(design: Design, tables: range, resamples: int) -> Counts:
    counts = Counts()
    null = {
        family: np.array([set(pair) <= set(design.equal) for pair in pairs])
        for family, pairs in ours.families(design.names).items()
    }
    for number in tables:
        values = design.table(number).values
        for (family, adjustment), p in ours.adjusted(values, design.names, resamples).items():
            rejected = p < ALPHA  # not where it is NaN
            false = (rejected & null[family]).sum()
            counts[family, adjustment, "of"] += 1
            # Benjamini and Hochberg promise that few of the rejections are false, not that none is.
            counts[family, adjustment] += (
                false / max(1, rejected.sum()) if adjustment == ours.FALSE_DISCOVERY else false > 0
            )
    return counts


def _peer_errors(design: Design, tables: range, only: tuple[str, ...]) -> Counts:
    counts = Counts()
    equal = len(design.equal)
    methods = peers.installed(only) | {"dynconv, all pairs as one family (Holm)": ours.rejected}
    for number in tables:
        values = design.table(number).values
        for name, method in methods.items():
            counts[name, "wrong", "of"] += 1
            counts[name, "wrong"] += bool(np.triu(method(values), 1)[:equal, :equal].any())
            if design.worse:  # and named first, to see whether the order of the names matters
                counts[name, "found", "of"] += 1
                counts[name, "found"] += bool(method(values[::-1])[0, 1])
    return counts


def _coverage(design: Design, tables: range, resamples: int) -> Counts:
    counts = Counts()
    for number in tables:
        table = design.table(number)
        truth = truths(design, float(np.mean(table.expected[0] - table.expected[1])))
        for effect, (low, high) in ours.intervals(table.values, resamples).items():
            if effect in truth and not np.isnan(low):
                counts[effect, "of"] += 1
                counts[(effect,)] += bool(low <= truth[effect] <= high)
    return counts
