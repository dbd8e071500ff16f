"""Which pairs share an adjustment: the plan's families, and what it does not name."""

import pytest

from dynconv.analysis_plan import EXPLORATORY, Analysis, make_analysis
from dynconv.errors import DynconvError
from dynconv.stats.families import families

FOUR = ["odconv", "soft_global", "soft_local", "vanilla"]


def test_by_default_each_against_the_control_and_the_rest():
    assert families(Analysis(), FOUR) == {
        "primary": [("odconv", "vanilla"), ("soft_global", "vanilla"), ("soft_local", "vanilla")],
        "secondary": [("odconv", "soft_global"), ("odconv", "soft_local"), ("soft_global", "soft_local")],
    }


def test_all_pairs_as_one_family_have_the_control_second():
    (pairs,) = families(Analysis(families={"every": "all"}, control="soft_global"), FOUR).values()
    assert len(pairs) == 6
    assert [b for a, b in pairs if "soft_global" in (a, b)] == ["soft_global"] * 3


def test_pairs_by_name_leave_the_families_that_a_rule_makes():
    mine = (("soft_global", "odconv"),)
    found = families(Analysis(families={"primary": "control", "mine": mine, "others": "rest"}), FOUR)
    assert list(found) == ["primary", "mine", "others"]
    assert found["mine"] == [("soft_global", "odconv")]  # as it is written
    assert found["others"] == [("odconv", "soft_local"), ("soft_global", "soft_local")]


def test_a_pair_of_no_family_is_exploratory():
    found = families(Analysis(families={"primary": "control"}), FOUR)
    assert list(found) == ["primary", EXPLORATORY]
    assert len(found[EXPLORATORY]) == 3


def test_a_variant_that_nobody_declared_changes_no_declared_family():
    declared = [name for name in FOUR if name != "soft_local"]
    found = families(Analysis(), FOUR, declared)
    assert {name: pairs for name, pairs in found.items() if name != EXPLORATORY} == families(Analysis(), declared)
    assert all("soft_local" in pair for pair in found[EXPLORATORY]) and len(found[EXPLORATORY]) == 3


def test_two_variants_have_one_family():
    assert families(Analysis(), ["odconv", "vanilla"]) == {"primary": [("odconv", "vanilla")]}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"control": "none"}, "variant 'none' of the analysis plan is not there; valid: odconv"),
        ({"families": {"mine": [("odconv", "x")]}}, "variant 'x' of the analysis plan is not there; valid: odconv"),
        ({"families": {"mine": [("odconv", "odconv")]}}, "families: mine: 'odconv' is paired with itself"),
        ({"families": {"a": "control", "b": "control"}}, "families: 'control' stands twice"),
        ({"families": {"a": [("b", "c"), ("c", "b")]}}, "families: a: c - b is in 'a' already; valid: each pair once"),
        ({"families": "control"}, "families: 'control' names no family; valid: a mapping such as"),
        ({"families": {}}, "families: {} names no family"),
        ({"families": {"a": "each"}}, "a: 'each' is no rule; valid: all, control, rest, or pairs"),
        ({"families": {"a": [["b"]]}}, "a: [['b']] is no rule"),
        ({"families": {"a": []}}, "a: [] is no rule"),
        ({"families": {"a": "all", "b": "rest"}}, "'all' takes every pair"),
        ({"families": {"a": [("x", "y")], "b": [("y", "x")]}}, "b: y - x is in 'a' already"),
        ({"families": {EXPLORATORY: "all"}}, "choose another name"),
        ({"families": {}}, "families: "),
    ],
)
def test_families_that_cannot_be(settings, says):
    with pytest.raises(DynconvError) as error:
        families(make_analysis(settings), FOUR)
    assert says in str(error.value)
