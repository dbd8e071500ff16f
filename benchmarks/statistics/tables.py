"""The figures of calibration as Markdown tables."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable

import calibration
import numpy as np
import one_dataset
import peers as packages
from calibration import ALPHA
from designs import Design
from tally import Share, markdown

LOW, HIGH = 0.93, 0.97  # within which an interval of confidence 0.95 should hold the truth


def errors(words: Namespace) -> None:
    """Holm, by design; then every adjustment, over all designs."""
    found: dict[tuple[str, ...], dict[Design, Share]] = defaultdict(dict)
    for k in words.variants:
        cells = {}
        designs = calibration.designs(calibration.NULLS, k, words.datasets, words.seeds)
        for design, shares in calibration.errors(designs, words.tables, words.jobs, words.resamples):
            cells[design] = " / ".join(str(shares[family, "Holm"]) for family in ("primary", "secondary"))
            for key, share in shares.items():
                found[key][design] = share
        title(f"{k} variants, {words.tables} tables: family-wise error of primary / secondary family, Holm, %")
        print(by_datasets(cells, words.datasets), flush=True)
    rows = []
    for (family, adjustment), shares in found.items():
        where, most = max(shares.items(), key=lambda item: item[1].value)
        mean = np.mean([share.value for share in shares.values()])
        above = sum(share.above(ALPHA) for share in shares.values())
        rows.append([adjustment, family, f"{100 * mean:.1f}", f"{most:e}", str(where), f"{above} of {len(shares)}"])
    title("every adjustment, over all these designs: mean, greatest, and those above 5 % by three Monte-Carlo errors")
    print(markdown(["adjustment", "family", "mean, %", "greatest, %", "where", "above"], rows), flush=True)


def coverage(words: Namespace) -> None:
    """A table an effect, and what lies outside 93 to 97 %."""
    datasets = [1, *words.datasets]
    cells: dict[str, dict[Design, str]] = defaultdict(dict)
    outside = []
    designs = [Design(form, 2, n, seeds) for form, seeds in calibration.INTERVALS for n in datasets]
    for design, shares in calibration.coverage(designs, words.tables, words.jobs, words.resamples):
        for (effect,), share in shares.items():
            cells[effect][design] = str(share)
            if share.outside(LOW, HIGH):
                outside.append([effect, str(design), f"{share:e}"])
    for effect, found in cells.items():
        title(f"coverage of 95 % intervals of {effect}, {words.tables} tables, %")
        print(by_datasets(found, datasets), flush=True)
    title("outside 93 to 97 % by three Monte-Carlo errors")
    print(markdown(["interval", "where", "coverage, %"], outside) if outside else "none", flush=True)


def single(words: Namespace) -> None:
    """One dataset: tests over seeds, and intervals."""
    number = words.tables
    rows = defaultdict(list)
    designs = [
        Design(form, one_dataset.VARIANTS, 1, seeds) for form in one_dataset.FORMS for seeds in one_dataset.SEEDS
    ]
    for design, shares in calibration.count(one_dataset.errors, designs, number, words.jobs):
        for (family, test), share in shares.items():
            rows[design.form, family, test].append(str(share))
    head = [f"{seeds} seeds" for seeds in one_dataset.SEEDS]
    title(f"one dataset, {one_dataset.VARIANTS} variants, {words.tables} tables: family-wise error, Holm, %")
    print(markdown(["form", "family", "test", *head], [[*key, *cells] for key, cells in rows.items()]), flush=True)

    rows = defaultdict(list)
    designs = [Design(form, 2, 1, seeds) for form in one_dataset.INTERVAL_FORMS for seeds in one_dataset.SEEDS]
    for design, shares in calibration.count(one_dataset.coverage, designs, number, words.jobs):
        for (name,), share in shares.items():
            rows[design.form, name].append(str(share))
    title(f"one dataset, {number} tables: coverage of its 95 % intervals, %")
    print(markdown(["form", "interval", *head], [[*key, *cells] for key, cells in rows.items()]), flush=True)


def peers(words: Namespace) -> None:
    """A row a package, a column a design."""
    if packages.missing():
        print(
            f"\nnot installed, left out: {', '.join(packages.missing())}; pip install -c constraints.txt -e '.[bench]'"
        )
    number = max(1, words.tables // 4)
    for k in words.variants:
        for n in words.peer_datasets:
            designs = calibration.designs(calibration.PEER_NULLS, k, [n], words.seeds)
            columns = dict(calibration.peer_errors(designs, number, words.jobs, tuple(words.peers)))
            worse = next(shares for design, shares in columns.items() if design.worse)
            rows = [
                [name, *(f"{shares[name, 'wrong']:e}" for shares in columns.values()), f"{worse[name, 'found']:e}"]
                for name, what in worse
                if what == "wrong"
            ]
            title(f"{k} variants, {n} datasets, {number} tables: family-wise error over all pairs, %")
            print(
                markdown(["", *(design.name for design in columns), "the worse, named first, is found"], rows),
                flush=True,
            )


def title(text: str) -> None:
    print(f"\n{text[0].upper()}{text[1:]}\n")


def by_datasets(cells: dict[Design, str], datasets: Iterable[int]) -> str:
    rows: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for design, cell in cells.items():
        rows[design.name, str(design.seeds)][design.datasets] = cell
    lines = [[*row, *(found.get(n, "") for n in datasets)] for row, found in rows.items()]
    return markdown(["form", "seeds", *(f"N = {n}" for n in datasets)], lines)
