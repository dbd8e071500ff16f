"""Calibration of what the seeds say of a single dataset: tests over seeds, and intervals for this dataset alone."""

from collections import Counter

import numpy as np
import ours
from designs import Design
from invented import NOISE
from scipy import stats

from dynconv.stats import seeds

SEEDS = (3, 5, 10, 20)
VARIANTS = 5
FORMS = ("seeds only", "seeds only, unequal spread", "A/A seeds")  # variants that are one and the same on each dataset
INTERVAL_FORMS = ("normal", "heavy tails", "accuracies", "unequal spread")  # variants differ, by a known amount
TESTS = {"permutation": "p_holm_permutation", "Welch": "p_holm_welch", "both": "p_holm"}


def errors(design: Design, tables: range) -> Counter:
    """Tables with any false rejection, by family and test, Holm-adjusted; every variant is the same."""
    counts: Counter = Counter()
    families = ours.families(design.names)
    for number in tables:
        rows = _rows(design, design.table(number).values, families)
        for family in families:
            for test, column in TESTS.items():
                wrong = any(row[column] < ours.ALPHA for row in rows if row["family"] == family)
                counts[family, test, "of"] += 1
                counts[family, test] += wrong
    return counts


def coverage(design: Design, tables: range) -> Counter:
    """Intervals that hold the truth: of the mean difference, and of P(A > B) where noise is normal and equal."""
    counts: Counter = Counter()
    for number in tables:
        table = design.table(number)
        difference = float(table.expected[0, 0] - table.expected[1, 0])
        truth = {"ci": difference}
        if design.form == "normal":
            truth["prob_a_better_ci"] = float(stats.norm.cdf(difference / (np.sqrt(2) * NOISE)))
        (row,) = _rows(design, table.values, {"primary": [tuple(design.names)]})
        for name, value in truth.items():
            counts[name, "of"] += 1
            counts[(name,)] += bool(row[f"{name}_low"] <= value <= row[f"{name}_high"])
    return counts


def _rows(design: Design, values: np.ndarray, families: dict) -> list[dict]:
    return seeds.rows(values, design.names, ["d"], families, alpha=ours.ALPHA, resamples=1000, seed=0)
