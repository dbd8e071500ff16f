from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dynconv.records import TABLES
from dynconv.stats import effects, robustness
from dynconv.stats.means import differences, seed_means
from dynconv.stats.multiplicity import holm
from dynconv.stats.pairwise import wilcoxon_p
from dynconv.stats.signed_rank import signed_rank_sums, wilcoxon_p_many

SHAPES = {  # what a sample of n differences is like
    "continuous": lambda rng, n: rng.normal(0.3, 1, n),
    "ties": lambda rng, n: np.round(rng.normal(0.3, 1, n) * 3) / 3,
    "mostly zero": lambda rng, n: rng.normal(0.3, 1, n) * (rng.random(n) < 0.15),
    "one sign": lambda rng, n: rng.random(n) + 0.1,
    "all equal": lambda rng, n: np.full(n, 0.25),
    "all zero": lambda rng, n: np.zeros(n),
}


@pytest.mark.parametrize("missing", [0, 0.2])
@pytest.mark.parametrize("shape", SHAPES)
def test_many_samples_as_one_by_one(shape, missing):
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 16, 17, 40, 50, 51, 90):
        samples = np.array([SHAPES[shape](rng, n) for _ in range(2)])
        samples[rng.random(samples.shape) < missing] = np.nan
        present = [row[~np.isnan(row)] for row in samples]
        expected = [wilcoxon_p(row) if len(row) else np.nan for row in present]
        assert wilcoxon_p_many(samples) == pytest.approx(expected, rel=1e-12, nan_ok=True), n
        sums = [effects.signed_ranks(row).sum() for row in present]
        assert signed_rank_sums(samples) == pytest.approx(sums), n


def test_samples_without_any_dataset():
    assert np.isnan(wilcoxon_p_many(np.full((2, 3), np.nan))).all()
    assert np.isnan(wilcoxon_p_many(np.empty((2, 0)))).all()
    assert len(wilcoxon_p_many(np.empty((0, 4)))) == 0


VARIANTS = ["a", "b", "c", "d"]
FAMILIES = {
    "primary": [(name, "d") for name in "abc"],
    "secondary": list(combinations("abc", 2)),
}


def _values(rng, datasets=12):
    values = rng.normal(0.6, 0.05, (1, datasets, 1)) + rng.normal(0, 0.02, (4, datasets, 3))
    values += np.array([0.02, 0.01, 0, 0])[:, None, None]
    values[1, 4] = np.nan  # no run of b
    values[2, 2, 1:] = np.nan
    return values


def test_every_row_is_the_comparison_without_that_dataset():
    values = _values(np.random.default_rng(0))
    names = [f"d{i:02d}" for i in range(12)]
    groups = dict(zip(names, ["ecg", "image", "ecg", "motion"] * 3, strict=True)) | {"elsewhere": "spectro"}
    del groups["d03"]
    got = robustness.rows(values, names, VARIANTS, FAMILIES, alpha=0.05, groups=groups)
    assert ["task", *got[0]] == [column.name for column in TABLES["robustness"].columns]
    frame = pd.DataFrame(got)
    assert len(frame) == 6 * (12 + 3) == len(frame.drop_duplicates(["variant_a", "variant_b", "kind", "left_out"]))
    out = {("dataset", name): [name] for name in names}
    out |= {("group", g): [n for n in names if groups.get(n) == g] for g in ("ecg", "image", "motion")}
    means = seed_means(values)
    for (family, kind, left_out), rows in frame.groupby(["family", "kind", "left_out"], sort=False):
        keep = [i for i, name in enumerate(names) if name not in out[kind, left_out]]
        p = []
        for row in rows.to_dict("records"):
            a, b = means[VARIANTS.index(row["variant_a"]), keep], means[VARIANTS.index(row["variant_b"]), keep]
            d = differences(a, b)
            d = d[~np.isnan(d)]
            assert row["n_datasets"] == len(d)
            assert row["n_missing"] == len(keep) - len(d)
            assert row["coverage"] == len(d) / len(keep)
            assert row["mean_diff"] == pytest.approx(d.mean())
            assert row["hodges_lehmann"] == effects.hodges_lehmann(d)
            p.append(wilcoxon_p(d))
        assert rows["p_wilcoxon"].to_numpy() == pytest.approx(p, rel=1e-12)
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(np.array(p)), rel=1e-12)
        assert rows["significant"].to_list() == [bool(x) for x in holm(np.array(p)) < 0.05]
        assert set(rows["family"]) == {family}
    for _, rows in frame.groupby(["variant_a", "variant_b"]):
        assert rows["left_out"].to_list() == [*names, "ecg", "image", "motion"]


def test_a_decision_that_hangs_on_datasets():
    rng = np.random.default_rng(3)
    difference = np.concatenate([np.full(9, 0.02), [-0.01] * 2, [0.05] * 3]) + rng.normal(0, 1e-3, 14)
    values = np.stack([difference, np.zeros(14)])[:, :, None] + 0.5
    names = [f"d{i:02d}" for i in range(14)]
    groups = {name: "many" if i < 9 else "few" for i, name in enumerate(names)}
    families = {"primary": [("a", "b")]}
    got = pd.DataFrame(robustness.rows(values, names, ["a", "b"], families, alpha=0.05, groups=groups))
    got = got.set_index("left_out")
    assert got.loc[names, "significant"].all() and not got.loc[names, "changes"].any()
    assert not got.loc["many", "significant"] and got.loc["many", "changes"]
    assert got.loc["few", "significant"] and not got.loc["few", "changes"]
    # Significant both times, in opposite directions: twelve small losses, outweighed in rank by twelve large wins.
    turned = np.concatenate([np.full(12, -0.01) - np.arange(12) / 1e4, np.full(20, 0.05) + np.arange(20) / 1e4])
    values = np.stack([turned, np.zeros(32)])[:, :, None]
    names = [f"d{i:02d}" for i in range(32)]
    groups = dict.fromkeys(names[12:], "wins")
    got = pd.DataFrame(robustness.rows(values, names, ["a", "b"], families, alpha=0.05, groups=groups))
    last = got.iloc[-1]
    assert last["kind"] == "group" and last["significant"] and last["changes"] and last["mean_diff"] < 0
    assert got["significant"].all() and got["changes"].sum() == 1


def test_the_order_of_pairs_and_other_families_change_nothing():
    values = _values(np.random.default_rng(1))
    names = [f"d{i:02d}" for i in range(12)]
    both = robustness.rows(values, names, VARIANTS, FAMILIES, alpha=0.05)
    one = robustness.rows(values, names, VARIANTS, {"primary": FAMILIES["primary"][::-1]}, alpha=0.05)
    key = ["variant_a", "left_out"]
    expected = pd.DataFrame([row for row in both if row["family"] == "primary"]).sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(pd.DataFrame(one).sort_values(key, ignore_index=True), expected)


def test_little_to_leave_out():
    families = {"primary": [("a", "b")], "secondary": []}
    only = robustness.rows(np.array([[[0.5]], [[0.6]]]), ["x"], ["a", "b"], families, alpha=0.05)
    assert len(only) == 1
    row = only[0]
    assert (row["n_datasets"], row["n_missing"]) == (0, 0)
    assert np.isnan([row["coverage"], row["mean_diff"], row["hodges_lehmann"], row["p_wilcoxon"], row["p_holm"]]).all()
    assert not row["significant"] and not row["changes"]
    constant = robustness.rows(np.full((2, 4, 2), 0.5), list("wxyz"), ["a", "b"], families, alpha=0.05)
    assert all(np.isnan(row["p_holm"]) and row["hodges_lehmann"] == 0 and not row["changes"] for row in constant)
    nothing = robustness.rows(np.full((2, 2, 1), np.nan), ["x", "y"], ["a", "b"], families, alpha=0.05)
    assert [row["n_missing"] for row in nothing] == [1, 1]
