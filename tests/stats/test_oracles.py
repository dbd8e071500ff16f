"""Published tables with published results: figures and sources in tests/stats/data/README.md."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dynconv.stats import omnibus
from dynconv.stats.compare import compare
from dynconv.stats.effects import signed_ranks
from dynconv.stats.means import differences
from dynconv.stats.multiplicity import holm
from dynconv.stats.pairwise import wilcoxon_p
from dynconv.stats.ranks import mean_ranks

PAIRS = Path(__file__).parent / "data" / "lite_published_pairs.csv"

# Published from raw floats, where differences 1e-16 apart are no ties; with exact ties these p-values are right.
LITE_P_WITH_EXACT_TIES = {
    ("MultiROCKET", "InceptionTime"): "0.0134",
    ("InceptionTime", "ROCKET"): "0.9082",
    ("InceptionTime", "LITETime"): "0.1909",
    ("LITETime", "Inception"): "0.0053",
    ("LITE", "ResNet"): "0.1678",
}


def _printed(p: float) -> str:
    return "<=1e-4" if p <= 1e-4 else f"{p:.4f}"


@pytest.fixture
def lite(published, tidy):
    return compare(tidy(published("lite_accuracy")), control="FCN", resamples=100, posterior=False)


def test_lite_pairs(lite):
    ours = {(r["variant_a"], r["variant_b"]): r for r in lite["pairwise"].to_dict("records")}
    expected = pd.read_csv(PAIRS, dtype={"p": str}).to_dict("records")
    assert len(expected) == len(ours) == 28
    for row in expected:
        pair = (row["row"], row["col"])
        turned = pair not in ours
        got = ours[pair[::-1] if turned else pair]
        diff = -got["mean_diff"] if turned else got["mean_diff"]
        counts = [got["wins"], got["ties"], got["losses"]][:: -1 if turned else 1]
        assert diff == pytest.approx(row["mean_diff"], abs=5.1e-5), pair
        # One more exact tie: EOGHorizontalSignal, 1e-15 apart in the published file.
        published_counts = [70, 6, 52] if pair == ("LITE", "ResNet") else [row["wins"], row["ties"], row["losses"]]
        assert counts == published_counts, pair
        assert _printed(got["p_wilcoxon"]) == LITE_P_WITH_EXACT_TIES.get(pair, row["p"]), pair


def test_lite_published_p_come_from_unrounded_differences(published):
    table = published("lite_accuracy")
    for row in pd.read_csv(PAIRS, dtype={"p": str}).to_dict("records"):
        assert _printed(wilcoxon_p((table[row["row"]] - table[row["col"]]).to_numpy())) == row["p"]


def test_lite_ranks(lite):
    expected = {
        "FCN": 6.2734,
        "LITE": 5.4023,
        "ResNet": 5.3555,
        "Inception": 4.8750,
        "ROCKET": 3.8516,
        "LITETime": 3.7109,
        "InceptionTime": 3.4727,
        "MultiROCKET": 3.0586,
    }
    got = lite["ranks"].set_index("variant")["mean_rank"]
    assert got.to_dict() == pytest.approx(expected, abs=5.1e-5)


def test_lite_holm_over_all_pairs_finds_the_published_cliques(published):
    table = published("lite_accuracy")
    names = list(table.columns)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    p = holm(np.array([wilcoxon_p(differences(table[a].to_numpy(), table[b].to_numpy())) for a, b in pairs]))
    together = {frozenset(pair) for pair, value in zip(pairs, p, strict=True) if value >= 0.05}
    cliques = [{"LITE", "ResNet"}, {"ROCKET", "LITETime", "InceptionTime"}, {"InceptionTime", "MultiROCKET"}]
    assert together == {frozenset((a, b)) for c in cliques for a in c for b in c if a != b}


def test_mcm_example(published, tidy):
    result = compare(tidy(published("mcm_example")), control="clf1", resamples=100, posterior=False)
    means = result["means"].groupby("variant")["mean"].mean()
    expected_means = {"clf1": 0.5376, "clf3": 0.5220, "clf2": 0.5123, "clf4": 0.4825}
    assert means.to_dict() == pytest.approx(expected_means, abs=5.1e-5)
    pairs = result["pairwise"].set_index(["variant_a", "variant_b"])
    expected = {  # p, wins, ties, losses of the first against the second
        ("clf3", "clf1"): (0.6755, 62, 0, 66),
        ("clf2", "clf1"): (0.5162, 60, 0, 68),
        ("clf4", "clf1"): (0.1018, 59, 0, 69),
        ("clf2", "clf3"): (0.8102, 64, 0, 64),
        ("clf3", "clf4"): (0.2835, 70, 0, 58),
        ("clf2", "clf4"): (0.3880, 72, 0, 56),
    }
    for pair, (p, *counts) in expected.items():
        assert pairs.loc[pair, "p_wilcoxon"] == pytest.approx(p, abs=5.1e-5), pair
        assert pairs.loc[pair, ["wins", "ties", "losses"]].to_list() == counts, pair


def test_garcia_herrera(published, tidy):
    table = published("garcia_herrera_2008")
    assert mean_ranks(table.to_numpy().T) == pytest.approx([2.100, 3.250, 2.200, 4.333, 3.117], abs=5e-4)
    rows = compare(tidy(table), control="C4.5", resamples=100, posterior=False)["omnibus"].set_index("test")
    assert rows.loc["friedman", "statistic"] == pytest.approx(39.913, abs=5e-4)  # 39.647 without tie correction
    assert rows.loc["friedman", "p"] == pytest.approx(4.512e-8, rel=1e-3)
    f = omnibus.iman_davenport(39.6467, n=30, k=5)
    assert (f.df1, f.df2) == (4, 116)
    assert f.statistic == pytest.approx(14.309, abs=5e-4)
    assert f.p == pytest.approx(1.593e-9, rel=1e-3)


def _without_tie_correction(mean_ranks: np.ndarray, n: int) -> float:
    k = len(mean_ranks)
    return 12 * n / (k * (k + 1)) * ((mean_ranks**2).sum() - k * (k + 1) ** 2 / 4)


def test_demsar(published):
    table = published("demsar_2006_table6")
    assert _without_tie_correction(mean_ranks(table.to_numpy().T), 14) == pytest.approx(9.857, abs=5e-4)
    # The row `voting` is tied in print only; the paper's own numbers put C4.5+cf ahead.
    table.loc["voting", "C4.5+cf"] += 1e-5
    means = table.to_numpy().T
    assert mean_ranks(means) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    chi_square = _without_tie_correction(mean_ranks(means), 14)
    assert chi_square == pytest.approx(9.28, abs=5e-3)
    assert omnibus.iman_davenport(chi_square, n=14, k=4).statistic == pytest.approx(3.69, abs=5e-3)
    ties = 1 - (60 + 6 + 6 + 6) / (14 * 4 * (4**2 - 1))  # one row of four equal values, three rows of two
    assert omnibus.friedman(means).statistic == pytest.approx(chi_square / ties)


def test_demsar_signed_ranks(published):
    table = published("demsar_2006_table6")
    ranks = signed_ranks(np.round((table["C4.5+m"] - table["C4.5"]).to_numpy(), 12))
    # Pratt: the two zeros hold ranks 1 and 2, which the paper splits between both sums (93 and 12).
    assert ranks[ranks > 0].sum() + 1.5 == 93
    assert -ranks[ranks < 0].sum() + 1.5 == 12


@pytest.mark.parametrize(("n", "p"), [(5, 0.0625), (6, 0.03125), (8, 0.0078125), (9, 0.00390625), (10, 0.001953125)])
def test_exact_floors(n, p):
    assert wilcoxon_p(np.linspace(0.01, 0.1, n)) == p
    assert wilcoxon_p(np.full(n, 0.01)) == p  # ties do not go below the floor


def test_pratt_zeros_keep_symmetry():
    assert wilcoxon_p(np.array([1.0] * 15 + [0.0] * 40 + [-1.0] * 15)) == 1
