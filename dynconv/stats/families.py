"""Which pairs are tested together: the families of hypotheses that the analysis plan declares."""

from collections.abc import Collection
from itertools import combinations

from dynconv.analysis_plan import EXPLORATORY, Analysis
from dynconv.errors import DynconvError, valid

Pair = tuple[str, str]


def families(plan: Analysis, variants: list[str], declared: Collection[str] | None = None) -> dict[str, list[Pair]]:
    """The pairs of every family; those that the plan names in none make the family `exploratory`, which comes last.

    The control is the second of its pairs; other pairs are in the order of `variants`, or as the plan writes them.  A
    pair that the plan writes by name is in no family that a rule makes.  A rule is about the `declared` variants
    (default: all), so that a variant that nobody planned for does not change the adjustment of the others.

    Raises:
        DynconvError: the plan names a variant that is not among `variants`.
    """
    named = [pair for rule in plan.families.values() if not isinstance(rule, str) for pair in rule]
    for name in (plan.control, *(name for pair in named for name in pair)):
        if name not in variants:
            raise DynconvError(f"variant {name!r} of the analysis plan is not there; {valid(variants)}")
    others = [name for name in variants if name != plan.control]
    every = _without([*((name, plan.control) for name in others), *combinations(others, 2)], named)
    planned = [pair for pair in every if declared is None or set(pair) <= set(declared)]
    by_rule = {"control": [pair for pair in planned if pair[1] == plan.control], "all": planned}
    found = {
        family: by_rule.get(rule, []) if isinstance(rule, str) else [_control_last(pair, plan.control) for pair in rule]
        for family, rule in plan.families.items()
    }
    for family, rule in plan.families.items():
        if rule == "rest":
            found[family] = _without(planned, [pair for pairs in found.values() for pair in pairs])
    found[EXPLORATORY] = _without(every, [pair for pairs in found.values() for pair in pairs])
    return {family: pairs for family, pairs in found.items() if pairs}


def _control_last(pair: Pair, control: str) -> Pair:
    return (pair[1], pair[0]) if pair[0] == control else pair


def _without(pairs: list[Pair], taken: list[Pair]) -> list[Pair]:
    gone = set(map(frozenset, taken))
    return [pair for pair in pairs if frozenset(pair) not in gone]
