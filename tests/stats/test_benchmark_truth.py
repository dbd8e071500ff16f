"""The truths that benchmarks/statistics holds intervals against, by brute force."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/statistics"))

from designs import FORMS, Design
from truth import truths

from dynconv.stats import effects


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_table_depends_on_its_number_alone(form):
    design = Design(form, 4, 6, 1 if form == "A/A labels" else 3)
    table = design.table(7)
    assert table.values.shape == (4, 6, design.seeds) and table.expected.shape == (4, 6)
    design.table(8)
    assert np.array_equal(table.values, design.table(7).values)
    assert not np.array_equal(table.values, design.table(8).values)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"normal, one better"}))
def test_no_variant_has_a_mean_effect(form):
    seeds = 1 if form == "A/A labels" else 2
    tables = [Design(form, 3, 60, seeds, worse=True).table(i) for i in range(60)]
    means = np.array([table.expected.mean(axis=1) for table in tables])
    for values in (means, np.array([table.values.mean(axis=(1, 2)) for table in tables])):
        for other, difference in ((1, 0.0), (2, 0.15)):
            found = values[:, 0] - values[:, other] - difference
            assert abs(found.mean()) <= 4 * found.std(ddof=1) / np.sqrt(len(found)) + 1e-12


def test_effects_of_a_better_variant():
    design = Design("normal, one better", 2, 6, 4)
    found = []
    for i in range(800):
        a, b = design.table(i).values
        difference = a.mean(axis=1) - b.mean(axis=1)
        delta = effects.cliffs_delta(a, b)
        found.append(
            (difference.mean(), effects.rank_biserial(difference), (difference > 0).mean(), delta, (1 + delta) / 2)
        )
    found = np.array(found)
    names = ("mean_diff", "rank_biserial", "prob_a_better", "cliffs_delta", "a12")
    truth = np.array([truths(design, 0.0)[name] for name in names])
    assert np.all(np.abs(found.mean(axis=0) - truth) < 4 * found.std(axis=0, ddof=1) / np.sqrt(len(found)))


def test_a_single_dataset_is_its_own_population():
    design = Design("normal", 2, 1, 4000)
    table = design.table(0)
    fixed = float(table.expected[0, 0] - table.expected[1, 0])
    truth = truths(design, fixed)
    assert truth["mean_diff"] == truth["mean_diff_fixed"] == fixed
    a, b = table.values[:, 0]
    assert truth["a12"] == pytest.approx((a[:, None] > b).mean(), abs=0.02)
