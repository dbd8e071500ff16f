"""What the plan page says of a study's power to reject, family by family."""

import pytest

from dynconv.plan_statistics import floor_lines, plan_line
from dynconv.study import parse

STUDY = {"name": "s", "variants": ["vanilla", "odconv", "soft_local", "soft_global"], "datasets": ["digits"]}


@pytest.mark.parametrize(
    ("adjustment", "datasets", "seeds", "primary"),
    [
        ("holm", 1, 3, "cannot reject: the least Holm-adjusted p over 3 seeds of one dataset is 0.3; 5 seeds would"),
        ("holm", 1, 5, "can reject: the least Holm-adjusted p over 5 seeds of one dataset is 0.024"),
        ("holm", 6, 3, "cannot reject: the least Holm-adjusted p over 6 datasets is 0.094; 7 datasets would be needed"),
        ("hommel", 6, 3, "can reject: the least Hommel-adjusted p over 6 datasets is 0.031"),
        ("romano_wolf", 5, 3, "cannot reject: the least Romano-Wolf-adjusted p over 5 datasets is 0.062; 6 datasets"),
    ],
)
def test_each_family_is_told_whether_it_can_reject(adjustment, datasets, seeds, primary):
    study = parse(STUDY | {"seeds": seeds, "analysis": {"adjustment": adjustment}}, "s.yaml")
    first, second = floor_lines(study, datasets)
    assert first.startswith(f"primary: 3 comparisons, {primary}")
    assert second.startswith("secondary: 3 comparisons, ")


def test_the_plan_in_a_line():
    plan = parse(STUDY | {"seeds": 3, "analysis": {"rope": {"segmentation": 0.02}}}, "s.yaml").analysis
    line = plan_line(plan)
    assert plan.plan_hash in line and "against vanilla" in line and "segmentation 0.02" in line
    assert "classification 0.01" in line  # what is not named keeps the default
