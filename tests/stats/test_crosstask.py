"""All tasks side by side, and "better on every task"."""

import numpy as np
import pytest
from scipy import stats

from dynconv.errors import DynconvError
from dynconv.stats import crosstask
from dynconv.tables import TABLES

NAN = float("nan")


def _row(variant, task, p=0.001, lead=1.0, verdict="superior", **other):
    row = {"task": task, "variant_a": variant, "variant_b": "vanilla", "metric": "accuracy", "family": "primary"}
    row |= {"n_datasets": 10, "n_missing": 0, "coverage": 1.0, "mean_diff": 0.01 * np.sign(lead), "n_seeds": 5}
    row |= {"mean_diff_ci_low": -0.01, "mean_diff_ci_high": 0.03, "rank_biserial": lead, "p": p, "p_adjusted": p}
    row |= {"test": "wilcoxon"}
    return row | {"verdict": verdict, "reason": "because.", "exploratory": False} | other


def _all(rows, **options):
    found = crosstask.rows(rows, **{"control": "vanilla", "alpha": 0.05, **options})
    return {row["variant"]: row for row in found if row["task"] == "all"}


def test_columns_are_those_of_the_table():
    for row in crosstask.rows([_row("a", "t1"), _row("a", "t2")], control="vanilla", alpha=0.05):
        assert set(row) == {column.name for column in TABLES["crosstask"].columns}


def test_p_of_all_is_the_largest_and_holm_is_over_variants():
    rows = [_row("a", "t1", 0.001), _row("a", "t2", 0.02), _row("b", "t1", 0.03), _row("b", "t2", 0.0001)]
    found = _all(rows)
    assert (found["a"]["p"], found["a"]["p_adjusted"], found["a"]["verdict"]) == (0.02, 0.04, "superior")
    assert (found["b"]["p"], found["b"]["p_adjusted"], found["b"]["verdict"]) == (0.03, 0.04, "superior")
    assert _all(rows, alpha=0.03)["a"]["verdict"] == "inconclusive"
    assert (found["a"]["n_datasets"], found["a"]["coverage"]) == (20, 1)
    assert found["a"]["mean_diff"] is found["a"]["metric"] is None


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        ({"lead": -1.0}, "behind"),
        ({"lead": 0.0}, "no difference"),
        ({"lead": NAN, "mean_diff": NAN}, "no difference"),
        ({"p": NAN}, "ahead, not tested"),
        ({"p": None}, "ahead, not tested"),
        ({"n_datasets": 0, "n_missing": 10, "lead": NAN, "p": NAN}, "no value"),
    ],
)
def test_one_task_that_is_not_won_loses_all(other, seen):
    row = _all([_row("a", "t1"), _row("a", "t2", **other)])["a"]
    assert (row["p"], row["p_adjusted"], row["verdict"]) == (1, 1, "inconclusive")
    assert f"t2: {seen}" in row["reason"]


def test_a_task_without_the_variant_has_a_row_and_counts_against_it():
    rows = [_row("a", "t1"), _row("a", "t2"), _row("b", "t1")]
    found = crosstask.rows(rows, control="vanilla", alpha=0.05)
    absent = next(row for row in found if (row["variant"], row["task"]) == ("b", "t2"))
    assert (absent["n_datasets"], absent["coverage"], absent["verdict"]) == (0, 0, "inconclusive")
    total = _all(rows)["b"]
    assert (total["p"], total["n_datasets"], total["coverage"]) == (1, 10, 0.5)


def test_all_is_not_won_where_a_task_is_not():
    rows = [_row("a", "t1"), _row("a", "t2", verdict="inconclusive")]
    assert _all(rows)["a"]["verdict"] == "inconclusive"
    assert "only 1 are superior" in _all(rows)["a"]["reason"]


def test_the_lead_is_that_of_the_test_not_of_the_mean():
    rows = [_row("a", "t1"), _row("a", "t2", lead=0.9, mean_diff=-0.01)]
    assert _all(rows)["a"]["verdict"] == "superior"


def test_one_task_has_no_row_of_all_even_if_it_is_called_so():
    found = crosstask.rows([_row("a", "all"), _row("b", "all")], control="vanilla", alpha=0.05)
    assert [(row["variant"], row["metric"]) for row in found] == [("a", "accuracy"), ("b", "accuracy")]
    with pytest.raises(DynconvError, match="'all' names one task among several"):
        crosstask.rows([_row("a", "all"), _row("a", "t1")], control="vanilla", alpha=0.05)


def test_pairs_without_the_control_are_passed_over_and_the_order_of_rows_does_not_matter():
    rows = [_row("a", "t1"), _row("b", "t2", exploratory=True), _row("a", "t2"), _row("b", "t1")]
    found = crosstask.rows([*rows, _row("a", "t1", variant_b="b")], control="vanilla", alpha=0.05)
    assert found == crosstask.rows(rows[::-1], control="vanilla", alpha=0.05)
    assert [row["exploratory"] for row in found if row["task"] == "all"] == [False, True]
    assert crosstask.rows([], control="vanilla", alpha=0.05) == []


def test_false_claims_are_rare_where_one_task_has_no_effect():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(800):  # five variants: each far ahead on one task and without any difference on the other
        rows = []
        for variant in "abcde":
            z = rng.standard_normal()
            rows += [_row(variant, "t1", 1e-9), _row(variant, "t2", 2 * stats.norm.sf(abs(z)), lead=z)]
        wrong += any(row["verdict"] == "superior" for row in _all(rows).values())
    assert wrong / 800 < 0.05
