from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dynconv.errors import DynconvError
from dynconv.records import TABLES
from dynconv.stats import cliques as module
from dynconv.stats.cliques import cliques, rows
from dynconv.stats.means import differences
from dynconv.stats.multiplicity import holm
from dynconv.stats.pairwise import wilcoxon_p


def _separated(*pairs):
    return {frozenset(pair) for pair in pairs}


def test_lite(published):
    """The bars of the critical-difference diagram of Ismail-Fawaz et al. (DSAA 2023), Holm over all pairs."""
    table = published("lite_accuracy")
    order = table.rank(axis=1, ascending=False).mean().sort_values().index.to_list()
    pairs = list(combinations(order, 2))
    p = holm(np.array([wilcoxon_p(differences(table[a].to_numpy(), table[b].to_numpy())) for a, b in pairs]))
    separated = _separated(*(pair for pair, value in zip(pairs, p, strict=True) if value < 0.05))
    assert cliques(order, separated) == [
        ["MultiROCKET", "InceptionTime"],
        ["InceptionTime", "LITETime", "ROCKET"],
        ["ResNet", "LITE"],
    ]


def test_no_clique_crosses_a_separated_pair():
    # A diagram would draw one bar from a to d: a-c and b-d are not significant, but b-c is.
    order, separated = list("abcd"), _separated("bc")
    assert cliques(order, separated) == [["a", "b", "d"], ["a", "c", "d"]]
    assert cliques(order, set()) == [order]
    assert cliques(order, _separated(*combinations("abcd", 2))) == []
    assert cliques(["a"], set()) == cliques([], set()) == []


@pytest.mark.parametrize("seed", range(10))
def test_all_largest_sets_by_definition(seed):
    rng = np.random.default_rng(seed)
    order = [f"v{i}" for i in rng.permutation(7)]
    separated = _separated(*(pair for pair in combinations(order, 2) if rng.random() < 0.4))
    together = [
        set(s)
        for size in range(2, 8)
        for s in combinations(order, size)
        if not any(frozenset(pair) in separated for pair in combinations(s, 2))
    ]
    expected = [s for s in together if not any(s < other for other in together)]
    got = cliques(order, separated)
    assert sorted(map(sorted, got)) == sorted(map(sorted, expected))
    places = [[order.index(name) for name in clique] for clique in got]
    assert places == sorted(map(sorted, places))


def test_too_many_cliques_are_covered_and_said(monkeypatch):
    order = [f"v{i:02d}" for i in range(24)]
    separated = _separated(*((order[i], order[i + 1]) for i in range(0, 24, 2)))  # 2^12 cliques
    got = rows(order, separated, n_datasets=5)
    assert {row["all_listed"] for row in got} == {False}
    sets = [row["variants"] for row in got]
    assert len(sets) <= 24 * 23 / 2
    held = {frozenset(pair) for s in sets for pair in combinations(s, 2)}
    assert held == _separated(*combinations(order, 2)) - separated
    assert all(len(s) == 12 for s in sets)  # each is one of the 2^12
    assert len({tuple(s) for s in sets}) == len(sets)
    monkeypatch.setattr(module, "ALL_UP_TO", 5000)
    assert len(cliques(order, separated)) == 2**12


def test_rows_have_the_columns_of_the_table():
    got = rows(["b", "a", "c"], _separated("bc"), n_datasets=9)
    assert got[0] == {"clique": 1, "variants": ["b", "a"], "n_variants": 2, "n_datasets": 9, "all_listed": True}
    assert ["task", *got[0]] == [column.name for column in TABLES["cliques"].columns]
    assert pd.DataFrame(got)["clique"].to_list() == [1, 2]


def test_names_that_are_none():
    with pytest.raises(DynconvError, match=r"separated pair \['a', 'x'\].*valid: a, b"):
        cliques(["a", "b"], _separated("ax"))
    with pytest.raises(DynconvError, match="comes twice"):
        cliques(["a", "b", "a"], set())
