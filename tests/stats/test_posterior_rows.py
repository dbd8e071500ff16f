"""The table `posterior`: what depends on what, and tables with little in them."""

import numpy as np
import pytest

from dynconv.records import TABLES
from dynconv.stats import posterior

NAN = float("nan")
FIGURES = ("p_a", "p_rope", "p_b", "mean_diff", "mean_diff_ci_low", "mean_diff_ci_high", "r_hat")


def scores(datasets=6, seeds=3, variants=2, rng=0):
    rng = np.random.default_rng(rng)
    level = rng.uniform(0.5, 0.9, datasets) + 0.01 * rng.standard_normal((variants, datasets))
    return level[..., None] + 0.01 * rng.standard_normal((variants, datasets, seeds))


def table(values, variants=("x", "y"), pair=("x", "y"), rope=0.01, seed=0):
    """Rows of one pair by model and prior."""
    rows = posterior.rows(values, variants, [pair], rope=rope, seed=seed, draws=3000)
    return {(row["model"], row["prior"]): row for row in rows}


def figures(rows):
    return {key: np.array([row[name] for name in FIGURES]) for key, row in rows.items()}


def nothing(rows, model):
    return all(np.isnan([row[name] for name in FIGURES]).all() for key, row in rows.items() if key[0] == model)


@pytest.fixture(scope="module")
def plain():
    return table(scores())


def test_columns_are_those_of_the_table(plain):
    columns = {column.name for column in TABLES["posterior"].columns} - {"task"}
    assert len(plain) == 9
    for (model, _), row in plain.items():
        assert set(row) == columns
        assert row["p_a"] + row["p_rope"] + row["p_b"] == pytest.approx(1, abs=1e-12)
        assert np.isnan(row["mean_diff"]) == (model == "signed_rank")
        assert (row["n_datasets"], row["coverage"]) == (6, 1)


def test_same_seed_same_bytes_whatever_the_order_and_the_other_variants(plain):
    rng = np.random.default_rng(1)
    values = scores()[:, rng.permutation(6)][:, :, rng.permutation(3)]
    values = np.concatenate([values, np.full((2, 6, 4), NAN)], axis=2)  # seeds that only the third variant has
    other = np.ones((1, 6, 7))
    again = table(np.concatenate([values[1:], other, values[:1]]), ("y", "z", "x"))
    np.testing.assert_equal(figures(again), figures(plain))
    assert table(scores(), seed=1)["signed_rank", "default"]["p_a"] != plain["signed_rank", "default"]["p_a"]


def test_swapping_a_and_b_swaps_the_answer(plain):
    swapped = table(scores(), pair=("y", "x"))
    mirror = {"favours_a": "favours_b", "favours_b": "favours_a"}
    for (model, prior), row in plain.items():
        other = swapped[model, mirror.get(prior, prior)]
        assert (other["variant_a"], other["variant_b"]) == ("y", "x")
        assert [other["p_a"], other["p_rope"], other["p_b"]] == [row["p_b"], row["p_rope"], row["p_a"]]
        ends = [-other["mean_diff"], -other["mean_diff_ci_high"], -other["mean_diff_ci_low"]]
        assert ends == pytest.approx([row["mean_diff"], row["mean_diff_ci_low"], row["mean_diff_ci_high"]], nan_ok=True)


def test_per_cent_need_a_rope_in_per_cent(plain):
    hundred = table(100 * scores(), rope=1)
    for key, row in plain.items():
        for name in ("p_a", "p_rope", "p_b"):
            assert hundred[key][name] == pytest.approx(row[name], abs=0.05 if key[0] == "hierarchical" else 1e-12)
        for name in ("mean_diff", "mean_diff_ci_low", "mean_diff_ci_high"):
            assert hundred[key][name] == pytest.approx(100 * row[name], abs=0.2, nan_ok=True)


def test_missing_cells_are_counted():
    values = scores()
    values[0, 0], values[1, 1] = NAN, NAN  # no run of x, of y
    values[:, 2, 1:] = NAN  # a single run each: no spread
    rows = table(values)
    signed_rank, model = rows["signed_rank", "default"], rows["hierarchical", "default"]
    assert (signed_rank["n_datasets"], signed_rank["coverage"]) == (4, pytest.approx(4 / 6))
    assert (model["n_datasets"], model["coverage"]) == (3, 0.5)
    assert model["r_hat"] < 1.05
    kept = table(np.delete(values, [0, 1], axis=1))
    np.testing.assert_equal(figures(kept), figures(rows))


@pytest.mark.parametrize("datasets", [1, 2, 3])
def test_few_datasets(datasets):
    rows = table(scores(datasets))
    assert {row["n_datasets"] for row in rows.values()} == {datasets}
    assert nothing(rows, "signed_rank") == (datasets < 2)
    assert nothing(rows, "hierarchical") == (datasets < 3)


def test_one_seed_has_no_hierarchical_model():
    rows = table(scores(128, 1))
    assert rows["signed_rank", "default"]["n_datasets"] == 128
    assert not nothing(rows, "signed_rank")
    assert nothing(rows, "hierarchical")
    assert rows["hierarchical", "default"]["n_datasets"] == 0


def test_values_that_never_change():
    rows = table(np.full((2, 5, 3), 0.9))
    assert rows["signed_rank", "default"]["p_rope"] == 1
    assert nothing(rows, "hierarchical")


def test_variants_that_tie_on_most_datasets():
    values = scores(12, 4)
    values[:, 4:] = 1.0  # solved by both
    rows = table(values)
    assert all(row["p_rope"] > 0.9 for row in rows.values())


def test_no_dataset_in_common():
    values = scores()
    values[0, :3], values[1, 3:] = NAN, NAN
    rows = table(values)
    assert {(row["n_datasets"], row["coverage"]) for row in rows.values()} == {(0, 0)}
    assert nothing(rows, "signed_rank")
    assert nothing(rows, "hierarchical")
