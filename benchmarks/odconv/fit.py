"""Prices of the cost model from a table of measured times.  `python benchmarks/odconv/fit.py forms.csv`

Least squares of relative errors with prices of at least 0, a form at a time.  Prints what
dynconv/models/layers/dynamic/cost.py holds, and what choosing by it costs over choosing the fastest.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from dynconv.models.layers.dynamic.cost import FORMS, Work, work
from dynconv.models.layers.dynamic.geometry import Geometry


def read(path: Path) -> list[dict[str, float]]:
    with path.open() as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return [{name: float(value) for name, value in row.items()} for row in rows]


def work_of(row: dict[str, float], form: str) -> Work:
    axes, batch, kernels, channels, filters, kernel, stride, dilation, extent = (
        int(row[name]) for name in list(row)[:9]
    )

    def both(value: int, otherwise: int) -> tuple[int, int]:
        return (value, value) if axes == 2 else (otherwise, value)

    padding = dilation * (kernel // 2)
    at = Geometry(both(extent, 1), both(kernel, 1), both(stride, 1), both(padding, 0), both(dilation, 1), 1)
    return work(form, batch, kernels, filters, channels, at)


def main() -> None:
    rows, prices = read(Path(sys.argv[1])), {}
    for form in FORMS:
        seconds = np.array([row[form] / 1e3 for row in rows])
        amounts = np.array([work_of(row, form) for row in rows])
        found, _ = nnls(amounts / seconds[:, None], np.ones(len(rows)))
        error = np.abs(amounts @ found / seconds - 1)
        prices[form] = Work(*(float(f"{price:.2g}") for price in found))
        print(
            f'    "{form}": Work({", ".join(f"{p:g}" for p in prices[form])}),  # median error {np.median(error):.0%}'
        )
    regrets = []
    for row in rows:
        chosen = min(FORMS, key=lambda form: work_of(row, form).seconds(prices[form]))
        regrets.append((row[chosen] / min(row[form] for form in FORMS), chosen, row))
    regrets.sort(key=lambda regret: -regret[0])
    print(f"\nchosen over fastest: mean {np.mean([r[0] for r in regrets]):.3f}, worst:")
    for regret, chosen, row in regrets[:12]:
        print(f"{regret:.2f} {chosen:>6} {row}")


if __name__ == "__main__":
    main()
