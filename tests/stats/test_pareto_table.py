"""Quality against cost: the front by hand and by definition, its uncertainty, and what is not compared."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dynconv.errors import DynconvError
from dynconv.stats import pareto
from dynconv.tables import TABLES

NAN = float("nan")
GPU = "H200"


def _costs(means, cost="latency_s", hardware=GPU, runs=1, scatter=0.0, rng=None):
    """One cost of variants v0, v1, ... on datasets d0, d1, ...: means [variants, datasets]."""
    rng = np.random.default_rng(0) if rng is None else rng
    means = np.asarray(means, float)
    return pd.DataFrame(
        [
            (f"d{d}", f"v{v}", cost, means[v, d] * np.exp(scatter * rng.standard_normal()), hardware)
            for v, d in np.ndindex(means.shape)
            for _ in range(runs)
        ],
        columns=["dataset", "variant", "cost", "value", "hardware"],
    )


def _rows(values, costs, **options):
    v, d = np.shape(values)[:2]
    names, datasets = [f"v{i}" for i in range(v)], [f"d{i}" for i in range(d)]
    plan = {"control": "v0", "alpha": 0.05, "resamples": 2000, "seed": 0} | options
    return pareto.rows(np.asarray(values, float), names, datasets, costs, **plan)


def _quality(means, datasets=6, seeds=3, scatter=0.001):
    rng = np.random.default_rng(1)
    noise = scatter * rng.standard_normal((len(means), datasets, seeds))
    return np.asarray(means)[:, None, None] + noise


def test_columns_are_those_of_the_table():
    rows = _rows(_quality([0.7, 0.8]), _costs(np.ones((2, 6))))
    assert {"task", "metric", *rows[0]} == {column.name for column in TABLES["pareto"].columns}


def test_a_hand_made_front():
    values = _quality([0.70, 0.80, 0.75, 0.80], scatter=0)
    rows = _rows(values, _costs(np.outer([1.0, 2.0, 3.0, 2.0], np.ones(6))))
    assert [row["on_front"] for row in rows] == [
        True,
        True,
        False,
        True,
    ]  # v1 and v3 are equal: neither beats the other
    assert [row["p_on_front"] for row in rows] == [1, 1, 0, 1]
    assert [row["quality"] for row in rows] == [0.7, 0.8, 0.75, 0.8]
    assert [row["cost_ratio"] for row in rows] == pytest.approx([1, 2, 3, 2])
    assert all((row["hardware"], row["n_datasets"], row["coverage"]) == (GPU, 6, 1) for row in rows)


def test_the_front_is_that_of_the_definition():
    rng = np.random.default_rng(2)
    quality, cost = rng.integers(0, 4, (2, 200, 7)) / 10  # many ties

    def beats(q, c, i, j):
        return q[i] >= q[j] and c[i] <= c[j] and (q[i] > q[j] or c[i] < c[j])

    expected = [
        [not any(beats(q, c, i, j) for i in range(7)) for j in range(7)] for q, c in zip(quality, cost, strict=True)
    ]
    assert pareto.on_front(quality, cost).tolist() == expected


def test_equality_is_to_12_digits():
    quality, cost = np.array([0.1 + 0.2, 0.3]), np.log([3.0, 3.0 * (1 + 1e-15)])
    assert pareto.on_front(quality, cost).tolist() == [True, True]
    assert pareto.on_front(quality[[0, 0]] + [0, 1e-9], cost).tolist() == [False, True]


def test_means_and_intervals_over_datasets():
    rng = np.random.default_rng(3)
    quality, cost = rng.uniform(0.5, 0.9, (2, 8, 4)), rng.uniform(1, 9, (2, 8))
    row = _rows(quality, _costs(cost))[1]
    means, ratio = quality[1].mean(axis=1), np.log(cost[1] / cost[0])
    assert row["quality"] == pytest.approx(means.mean())
    assert row["cost_mean"] == pytest.approx(stats.gmean(cost[1]))
    assert row["cost_ratio"] == pytest.approx(np.exp(ratio.mean()))
    ends = stats.t.interval(0.95, 7, means.mean(), stats.sem(means))
    assert (row["quality_ci_low"], row["quality_ci_high"]) == pytest.approx(ends)
    ends = np.exp(stats.t.interval(0.95, 7, ratio.mean(), stats.sem(ratio)))
    assert (row["cost_ratio_ci_low"], row["cost_ratio_ci_high"]) == pytest.approx(tuple(ends))


def test_the_share_on_the_front_is_that_of_the_mean_difference():
    rng = np.random.default_rng(4)
    values = np.full((2, 60, 1), 0.7)
    values[1] += 0.001 + 0.01 * rng.standard_normal((60, 1))
    difference = (values[1] - values[0])[:, 0]
    rows = _rows(values, _costs(np.ones((2, 60))), resamples=10_000)
    expected = stats.norm.cdf(difference.mean() / stats.sem(difference))  # equal costs: the better one is on it
    assert rows[1]["p_on_front"] == pytest.approx(expected, abs=0.02)
    assert rows[0]["p_on_front"] == pytest.approx(1 - expected, abs=0.02)


def test_measurements_of_a_cell_are_averaged_first():
    costs = pd.concat([_costs([[2.0, 2], [4, 4]]), _costs([[4.0, 2], [8, 4]])])
    rows = _rows(_quality([0.7, 0.8], datasets=2), costs)
    assert [row["cost_mean"] for row in rows] == pytest.approx([np.sqrt(3 * 2), np.sqrt(6 * 4)])


def test_one_dataset_speaks_of_its_seeds_and_measurements():
    rng = np.random.default_rng(5)
    values = _quality([0.7, 0.8], datasets=1, seeds=5, scatter=0.01)
    timed = _costs([[1.0], [2.0]], runs=6, scatter=0.05, rng=rng)
    control, row = _rows(values, timed)
    sample = values[1, 0]
    ends = stats.t.interval(0.95, 4, sample.mean(), stats.sem(sample))
    assert (row["quality_ci_low"], row["quality_ci_high"]) == pytest.approx(ends)
    a, b = (timed["value"][timed["variant"] == name].to_numpy() for name in ("v1", "v0"))
    near = stats.ttest_ind(a / a.mean(), b / b.mean(), equal_var=False).confidence_interval()  # the delta method
    ends = np.exp(np.array(near) + np.log(a.mean() / b.mean()))
    assert (row["cost_ratio_ci_low"], row["cost_ratio_ci_high"]) == pytest.approx(tuple(ends), rel=1e-9)
    assert (control["cost_ratio_ci_low"], control["cost_ratio_ci_high"]) == (1, 1)
    assert row["p_on_front"] == 1
    once = _rows(values, _costs([[1.0], [2.0]]))[1]
    assert once["cost_ratio"] == pytest.approx(2)
    assert once["cost_ratio_ci_low"] is once["cost_ratio_ci_high"] is None
    fixed = _rows(values, _costs([[1.0], [2.0]], "macs", None, runs=3))[1]
    assert (fixed["cost_ratio_ci_low"], fixed["hardware"]) == (pytest.approx(2), None)
    single = _rows(values[:, :, :1], timed)[1]
    assert single["quality_ci_low"] is single["p_on_front"] is None
    assert single["on_front"] is True


def test_different_hardware_is_never_compared():
    costs = _costs([[1.0, 1, 1, 1], [2, 2, 2, 2]])
    costs.loc[(costs["variant"] == "v1") & (costs["dataset"] == "d0"), "hardware"] = "A100"
    costs.loc[costs["dataset"] == "d1", "hardware"] = "A100"  # both variants: comparable
    rows = _rows(_quality([0.7, 0.8], datasets=4), costs)
    assert [(row["n_datasets"], row["coverage"]) for row in rows] == [(3, 0.75)] * 2
    assert rows[0]["hardware"] == "A100; H200"
    apart = _costs([[1.0], [2.0]]).assign(hardware=["A100", GPU])
    rows = _rows(_quality([0.7, 0.8], datasets=1), apart)
    assert [(row["n_datasets"], row["on_front"], row["cost_ratio"]) for row in rows] == [(0, None, None)] * 2


def test_the_machine_that_measured_all_and_most_is_taken():
    costs = pd.concat(
        [
            _costs([[1.0], [2.0]], hardware="B"),
            _costs([[5.0], [6.0]], hardware="A"),
            _costs([[9.0]], hardware="C", runs=9),
        ]
    )
    assert [row["hardware"] for row in _rows(_quality([0.7, 0.8], datasets=1), costs)] == ["A", "A"]
    costs = pd.concat([costs, _costs([[1.0]], hardware="B")])
    rows = _rows(_quality([0.7, 0.8], datasets=1), costs)
    assert [(row["hardware"], row["cost_mean"]) for row in rows] == [("B", pytest.approx(1)), ("B", pytest.approx(2))]


def test_a_cost_that_was_not_measured_has_empty_rows_with_coverage_0():
    costs = pd.concat([_costs(np.ones((2, 6))), _costs(np.full((2, 6), NAN), "energy_j")])
    rows = [row for row in _rows(_quality([0.7, 0.8]), costs) if row["cost"] == "energy_j"]
    assert [(row["n_datasets"], row["coverage"], row["quality"], row["on_front"]) for row in rows] == [
        (0, 0, None, None)
    ] * 2


@pytest.mark.parametrize("bad", [NAN, 0.0, -1.0, float("inf")])
def test_a_variant_that_cannot_be_placed_does_not_take_the_datasets_of_the_others(bad):
    values, cost = _quality([0.7, 0.8, 0.9]), np.ones((3, 6))
    cost[2] = bad
    rows = _rows(values, _costs(cost))
    assert [(row["n_datasets"], row["on_front"]) for row in rows] == [(6, False), (6, True), (0, None)]
    values[1] = NAN
    rows = _rows(values, _costs(np.ones((3, 6))))
    assert [(row["n_datasets"], row["on_front"]) for row in rows] == [(6, False), (0, None), (6, True)]
    cost[2], cost[0] = 1, bad  # the control: the others are placed, without ratios
    rows = _rows(_quality([0.7, 0.8, 0.9]), _costs(cost))
    assert [(row["on_front"], row["cost_ratio"]) for row in rows] == [(None, None), (False, None), (True, None)]


def test_datasets_with_a_gap_are_left_out_and_counted():
    values, cost = _quality([0.7, 0.8]), np.ones((2, 6))
    values[0, 1], cost[1, 4] = NAN, NAN
    assert [(row["n_datasets"], row["coverage"]) for row in _rows(values, _costs(cost))] == [(4, 4 / 6)] * 2
    values[0, 2:] = NAN  # one of several datasets is left: no interval and no share
    row = _rows(values, _costs(cost))[1]
    assert (row["n_datasets"], row["on_front"], row["p_on_front"], row["quality_ci_low"]) == (1, True, None, None)


@pytest.mark.parametrize("datasets", [1, 6])
def test_same_seed_same_numbers_whatever_the_order_of_rows(datasets):
    values = _quality([0.70, 0.7005, 0.7002], datasets=datasets)
    costs = _costs(np.ones((3, datasets)), runs=4, scatter=0.1)
    rows = _rows(values, costs)
    assert rows == _rows(values, costs.sample(frac=1, random_state=1))
    assert any(0 < row["p_on_front"] < 1 for row in rows)
    assert rows != _rows(values, costs, seed=1)


def test_other_peoples_rows_are_passed_over_and_bad_tables_refused():
    values, costs = _quality([0.7, 0.8]), _costs(np.ones((2, 6)))
    more = pd.concat([costs, costs.assign(dataset="elsewhere"), costs.assign(variant="unknown")])
    assert _rows(values, more) == _rows(values, costs)
    assert _rows(values, costs[:0]) == []
    with pytest.raises(DynconvError, match="column 'hardware' is missing"):
        _rows(values, costs.drop(columns="hardware"))
    with pytest.raises(DynconvError, match="control 'x' is not a variant; valid: v0, v1"):
        _rows(values, costs, control="x")


def test_every_variant_has_a_row_for_every_cost():
    costs = pd.concat([_costs(np.ones((2, 6)), cost, None) for cost in ("macs", "train_s")])
    found = [(row["variant"], row["cost"]) for row in _rows(_quality([0.7, 0.8]), costs)]
    assert found == list(product(["v0", "v1"], ["macs", "train_s"]))
