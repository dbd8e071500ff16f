from itertools import combinations, product

import numpy as np
import pytest

from dynconv.errors import DynconvError
from dynconv.stats.logical import bergmann_hommel, shaffer
from dynconv.stats.multiplicity import holm

GARCIA_HERRERA = {  # pair: aligned-rank p, Shaffer, Bergmann-Hommel; scmamp's data_gh_2008 (Garcia & Herrera 2008)
    ("C4.5", "1NN"): (0.001174850, 0.007049103, 0.007049103),
    ("C4.5", "NB"): (0.3341698, 0.6683396, 0.6683396),
    ("C4.5", "Kernel"): (2.843421e-10, 2.843421e-09, 2.843421e-09),
    ("C4.5", "CN2"): (0.01845167, 0.07380668, 0.05535501),
    ("1NN", "NB"): (0.02265711, 0.09062842, 0.06797132),
    ("1NN", "Kernel"): (0.002197407, 0.01318444, 0.008789629),
    ("1NN", "CN2"): (0.3742777, 0.6683396, 0.6683396),
    ("NB", "Kernel"): (9.226472e-08, 5.535883e-07, 5.535883e-07),
    ("NB", "CN2"): (0.1643229, 0.4929688, 0.1643229),
    ("Kernel", "CN2"): (7.793722e-05, 4.676233e-04, 3.117489e-04),
}


def test_garcia_herrera():
    p, by_shaffer, by_bergmann_hommel = np.array(list(GARCIA_HERRERA.values())).T
    pairs = list(GARCIA_HERRERA)
    assert shaffer(p, pairs) == pytest.approx(by_shaffer, rel=5e-7)  # from p-values of 7 printed digits
    assert bergmann_hommel(p, pairs) == pytest.approx(by_bergmann_hommel, rel=5e-7)


def _sets_that_can_be_true(pairs):
    """By definition: every assignment of true values to the variants, and the pairs that are then equal."""
    names = sorted({name for pair in pairs for name in pair})
    for truth in product(range(len(names)), repeat=len(names)):
        value = dict(zip(names, truth, strict=True))
        yield frozenset(i for i, (a, b) in enumerate(pairs) if value[a] == value[b])


def _by_definition(p, pairs):
    sets = set(_sets_that_can_be_true(pairs)) - {frozenset()}
    m = len(p)
    closed = np.array([max(min(1, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(m)])
    numbers = {len(s) for s in sets}
    order = sorted(range(m), key=p.__getitem__)
    stepwise, reached = np.empty(m), 0.0
    for rejected, i in enumerate(order):
        most_true = max(number for number in numbers if number <= m - rejected)
        reached = max(reached, most_true * p[i])
        stepwise[i] = min(1, reached)
    return stepwise, closed


FAMILIES = {
    "three": list(combinations("abc", 2)),
    "four": list(combinations("abcd", 2)),
    "five": list(combinations("abcde", 2)),
    "square": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")],
    "star": [("a", "z"), ("b", "z"), ("c", "z")],
    "two parts that share a variant": [*combinations("abc", 2), *combinations("cde", 2)],
    "two parts apart": [*combinations("abc", 2), ("x", "y")],
    "all but one": [pair for pair in combinations("abcd", 2) if pair != ("a", "b")],
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_by_definition_for_any_family(family, seed):
    pairs = FAMILIES[family]
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(len(pairs)) ** 4, 3)  # with ties, zeros among them
    by_shaffer, by_bergmann_hommel = _by_definition(p, pairs)
    assert shaffer(p, pairs) == pytest.approx(by_shaffer, abs=1e-12)
    assert bergmann_hommel(p, pairs) == pytest.approx(by_bergmann_hommel, abs=1e-12)
    turned = [pair[::-1] for pair in pairs]
    assert (shaffer(p, turned) == shaffer(p, pairs)).all()
    order = rng.permutation(len(p))
    assert bergmann_hommel(p[order], [pairs[i] for i in order]) == pytest.approx(by_bergmann_hommel[order], abs=1e-12)


@pytest.mark.parametrize("k", [2, 6, 9])
def test_never_less_powerful_than_the_simpler_one(k):
    pairs = list(combinations([f"v{i}" for i in range(k)], 2))
    p = np.random.default_rng(k).random(len(pairs)) ** 4
    assert (shaffer(p, pairs) <= holm(p) + 1e-12).all()
    assert (bergmann_hommel(p, pairs) <= shaffer(p, pairs) + 1e-12).all()
    assert (bergmann_hommel(p, pairs) >= p).all()


def test_against_a_control_both_are_holm():
    pairs = [(f"v{i}", "control") for i in range(39)]
    p = np.random.default_rng(0).random(39) ** 4
    assert shaffer(p, pairs) == pytest.approx(holm(p))
    assert bergmann_hommel(p, pairs) == pytest.approx(holm(p))


def test_many_variants():
    pairs = list(combinations([f"v{i:02d}" for i in range(12)], 2))
    p = np.linspace(0, 1e-3, len(pairs))
    assert np.isnan(bergmann_hommel(p, pairs)).all()
    got = shaffer(p, pairs)
    # 66 pairs of 12: once one is false at most 55 are true (Shaffer 1986: 11 equal variants and one other).
    assert got[1] == pytest.approx(55 * p[1])
    assert (got <= holm(p)).all()
    almost_all = pairs[1:]  # no longer all pairs, and too many partitions: Holm's bound
    assert shaffer(p[1:], almost_all) == pytest.approx(holm(p[1:]))


@pytest.mark.parametrize("procedure", [shaffer, bergmann_hommel])
def test_a_test_that_could_not_be_made_counts(procedure):
    pairs = list(combinations("abc", 2))
    got = procedure(np.array([0.01, np.nan, 0.02]), pairs)
    assert np.isnan(got[1])
    assert got[[0, 2]] == pytest.approx(procedure(np.array([0.01, 1.0, 0.02]), pairs)[[0, 2]])
    assert np.isnan(procedure(np.full(3, np.nan), pairs)).all()
    assert procedure(np.array([0.03]), [("a", "b")]) == pytest.approx([0.03])
    assert len(procedure(np.array([]), [])) == 0


@pytest.mark.parametrize("procedure", [shaffer, bergmann_hommel])
def test_no_family_of_pairs(procedure):
    with pytest.raises(DynconvError, match="1 p-values for 2 pairs"):
        procedure(np.array([0.1]), [("a", "b"), ("b", "c")])
    with pytest.raises(DynconvError, match=r"pair \('b', 'a'\).*each pair once"):
        procedure(np.array([0.1, 0.2]), [("a", "b"), ("b", "a")])
    with pytest.raises(DynconvError, match=r"pair \('a', 'a'\)"):
        procedure(np.array([0.1]), [("a", "a")])
