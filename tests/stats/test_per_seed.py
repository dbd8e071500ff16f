"""McNemar and Cochran's Q of the networks of one seed: oracles, Holm, and what is missing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dynconv import records
from dynconv.records import TABLES
from dynconv.stats import per_seed
from dynconv.stats.predictions import PredictionFile

FAMILIES = {"primary": [("b", "a"), ("c", "a")], "secondary": [("b", "c")]}


@pytest.fixture
def rows(tmp_path):
    """rows({(variant, seed): right answers}, ...) -> the table, of examples whose target is 0."""

    def make(answers, failed=(), examples=None):
        frames = [
            pd.DataFrame(
                {
                    "run_id": f"d/{variant}/{seed}",
                    "dataset": "d",
                    "variant": variant,
                    "seed": seed,
                    "example_id": np.arange(len(right)) + (examples or {}).get((variant, seed), 0),
                    "target": 0,
                    "prediction": 1 - np.asarray(right, int),
                }
            )
            for (variant, seed), right in answers.items()
        ]
        records.write("predictions", pd.concat(frames), tmp_path / "p.parquet")
        runs = {run for run in answers if run not in failed}
        return per_seed.rows(PredictionFile(tmp_path / "p.parquet").load("d"), runs, FAMILIES)

    return make


def discordant(only_a, only_b, both=10):
    """Right answers of two networks: `only_a` examples that the first alone has right, `only_b` the second."""
    return [1] * (only_a + both) + [0] * only_b, [0] * only_a + [1] * (both + only_b)


def test_the_published_example(rows):
    """b = 25, c = 15: corrected chi-square 2.025, p .15473; exact .15386 (closed forms)."""
    b, a = discordant(25, 15)
    (row,) = [row for row in rows({("b", 0): b, ("a", 0): a}) if row["variant_a"] == "b" and row["variant_b"] == "a"]
    assert (row["only_a"], row["only_b"], row["n_examples"], row["df"], row["test"]) == (25, 15, 50, 1, "mcnemar")
    assert row["statistic"] == pytest.approx(2.025)
    assert row["p"] == pytest.approx(0.15473, abs=5e-6)
    assert row["p_exact"] == pytest.approx(0.15386, abs=5e-6)
    assert row["p_exact"] == pytest.approx(stats.binomtest(25, 40).pvalue)
    assert row["p_holm"] == pytest.approx(2 * row["p_exact"])  # the family's other pair has no network, and counts


def test_columns_and_families(rows):
    rng = np.random.default_rng(0)
    found = rows({(v, s): rng.random(60) < p for s in (0, 3) for v, p in zip("abc", (0.5, 0.7, 0.9), strict=True)})
    assert [row["seed"] for row in found] == [0] * 4 + [3] * 4
    wanted = {column.name for column in TABLES["per_seed"].columns} - {"task"}
    assert all(set(row) == wanted for row in found)
    for seed in (0, 3):
        first, second, only, q = [row for row in found if row["seed"] == seed]
        low, high = sorted([first["p_exact"], second["p_exact"]])
        assert sorted([first["p_holm"], second["p_holm"]]) == pytest.approx(
            [min(1, 2 * low), max(min(1, 2 * low), high)]
        )
        assert only["p_holm"] == only["p_exact"]
        assert (q["test"], q["variant_a"], q["variant_b"], q["family"], q["n_networks"], q["df"]) == (
            *("cochran_q", "all", "all", None, 3, 2),
        )


def test_cochrans_q_by_its_definition(rows):
    rng = np.random.default_rng(1)
    right = rng.random((40, 3)) < (0.4, 0.6, 0.7)
    q = rows({(v, 0): right[:, i] for i, v in enumerate("abc")})[-1]
    columns, examples = right.sum(axis=0), right.sum(axis=1)
    expected = 2 * (3 * (columns**2).sum() - columns.sum() ** 2) / (3 * examples.sum() - (examples**2).sum())
    assert q["statistic"] == pytest.approx(expected)
    assert q["p"] == pytest.approx(stats.chi2.sf(expected, 2))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("right", [[0, 0, 0], [1, 1, 1], [0, 1, 0]])
def test_networks_that_agree_everywhere(rows, right):
    found = rows({(v, 0): right for v in "abc"})
    assert [(row["statistic"], row["p"]) for row in found] == [(0, 1)] * 4


def test_missing_networks_and_examples_are_counted(rows):
    answers = {(v, s): [1, 0, 1, 1] for v in "abc" for s in (0, 1)}
    del answers["c", 1]
    found = rows(answers, failed={("b", 0)}, examples={("a", 0): 2})
    seed0, seed1 = ([row for row in found if row["seed"] == seed] for seed in (0, 1))
    assert [(r["variant_a"], r["variant_b"], r["n_networks"], r["n_examples"]) for r in seed0] == [
        ("b", "a", 1, 0),
        ("c", "a", 2, 2),
        ("b", "c", 1, 0),
        ("all", "all", 2, 2),
    ]
    assert np.isnan(seed0[0]["p_holm"])
    assert [r["n_networks"] for r in seed1] == [2, 1, 1, 2]


def test_segmentation_has_none(tmp_path):
    frame = pd.DataFrame({"run_id": "d/a/0", "dataset": "d", "variant": "a", "seed": 0, "example_id": [0, 1]})
    records.write("predictions", frame.assign(confusion=[[1, 0, 0, 1]] * 2), tmp_path / "p.parquet")
    assert per_seed.rows(PredictionFile(tmp_path / "p.parquet").load("d"), {("a", 0)}, FAMILIES) == []


def test_rows_are_a_table(rows):
    found = rows({(v, 0): np.arange(30) % (3 + i) > 0 for i, v in enumerate("abc")})
    table = records.to_table("per_seed", pd.DataFrame(found).assign(task="classification"))
    assert table.column("only_a").null_count == 1
