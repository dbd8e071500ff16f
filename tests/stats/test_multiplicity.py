from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from dynconv.analysis_plan import ADJUSTMENTS
from dynconv.errors import DynconvError
from dynconv.stats.compare import compare
from dynconv.stats.floors import at_best
from dynconv.stats.multiplicity import adjust, holm


def _simes_closed_test(p):
    """Hommel's procedure by its definition: every intersection of hypotheses is tested by Simes' test."""
    m = len(p)
    adjusted = np.zeros(m)
    for size in range(1, m + 1):
        for subset in combinations(range(m), size):
            simes = (size * np.sort(p[list(subset)]) / np.arange(1, size + 1)).min()
            adjusted[list(subset)] = np.maximum(adjusted[list(subset)], simes)
    return np.minimum(adjusted, 1.0)


def test_by_hand():
    p = np.array([0.01, 0.02, 0.022, 0.09])
    assert adjust(p, "holm") == pytest.approx([0.04, 0.06, 0.06, 0.09])
    assert adjust(p, "hommel") == pytest.approx([0.03, 0.04, 0.044, 0.09])
    assert adjust(p, "bh") == pytest.approx([0.088 / 3, 0.088 / 3, 0.088 / 3, 0.09])


@pytest.mark.parametrize("seed", range(20))
def test_hommel_is_the_closed_simes_test(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(rng.integers(1, 8)) ** 3, 2)  # with ties
    assert adjust(p, "hommel") == pytest.approx(_simes_closed_test(p), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_statsmodels_in_every_row(seed):
    p = np.round(np.random.default_rng(seed).random((3, 12)) ** 3, 2)
    expected = [multipletests(row, method="holm")[1] for row in p]
    assert holm(p) == pytest.approx(np.array(expected))
    assert adjust(p[0], "holm") == pytest.approx(expected[0])


@pytest.mark.parametrize("method", ["holm", "hommel", "bh"])
def test_a_test_that_could_not_be_made_counts(method):
    p = np.array([0.01, np.nan, 0.5, 0.02])
    got = adjust(p, method)
    assert np.isnan(got[1])
    kept = [0, 2, 3]
    assert got[kept] == pytest.approx(adjust(np.array([0.01, 1.0, 0.5, 0.02]), method)[kept])
    assert (got[kept] > p[kept]).all() or method == "hommel"
    assert np.nanmax(adjust(np.array([0.9, 0.8, np.nan]), method)) <= 1
    assert len(adjust(np.array([]), method)) == 0


def test_unknown_method():
    with pytest.raises(DynconvError, match=r"'bonferoni'.*valid: bh, holm, hommel"):
        adjust(np.array([0.1]), "bonferoni")


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_what_is_needed_is_what_the_adjustment_needs(results, adjustment):
    """Four variants that win everywhere: five datasets are too few, and the reason tells how many are enough."""
    effects = {"vanilla": 0.0} | {f"v{i}": 0.1 * i for i in range(1, 5)}
    settings = {"posterior": False, "resamples": 200, "adjustment": adjustment}
    few = compare(results(effects, datasets=5, noise=1e-4), **settings)["pairwise"].iloc[0]
    assert few["p_adjusted"] == few["p_floor"] == at_best(4, adjustment) / 16
    needed = 6 if at_best(4, adjustment) == 1 else 8
    assert f"at least {needed} datasets are needed" in few["reason"]
    enough = compare(results(effects, datasets=needed, noise=1e-4), **settings)["pairwise"].iloc[0]
    assert enough["verdict"] == "superior"
