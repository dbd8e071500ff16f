"""The plan may call its families what it likes: the answer is about the pairs with the control all the same."""

import json
from pathlib import Path

import pytest
from report_example import VARIANTS, run_rows
from report_page import Page

from dynconv import records
from dynconv.report.build import build
from dynconv.report.results import load
from dynconv.report.verdicts import verdicts
from dynconv.stats.compare import compare
from dynconv.stats.table import load as load_table

CONTROL, OTHERS = "soft_local", sorted(VARIANTS.keys() - {"soft_local"})


def compared(make, families: dict) -> Path:
    """A folder without a study whose comparison has these families."""
    folder = make(run_rows(VARIANTS, {"digits": "classification"}))
    frame = load_table(folder / "tables/runs.parquet")
    tables = compare(frame, control=CONTROL, families=families, resamples=100, posterior=False)
    for name, table in tables.items():
        records.write(name, table, folder / f"stats/{name}.parquet")
    (folder / "stats/plan.json").write_text(json.dumps({"analysis": {"control": CONTROL, "alpha": 0.05}}))
    return folder


@pytest.mark.parametrize(
    "families",
    [
        {"everything": "all"},
        {"against": "control", "others": "rest"},
        {"ours": [["odconv", CONTROL]], "primary": "control"},
    ],
)
def test_every_planned_pair_with_the_control_is_answered(make, families):
    folder = compared(make, families)
    found = verdicts(load(folder))
    assert [v.variant for v in found] == OTHERS
    assert {v.control for v in found} == {CONTROL}
    assert [*Page(build(folder)).rows] == [f"classification/{name}" for name in OTHERS]


def test_a_plan_without_the_control_says_so(make):
    folder = compared(make, {"ours": [["odconv", "vanilla"]]})
    assert verdicts(load(folder)) == []
    text = Page(build(folder)).text
    assert "No answer: the analysis plan has no comparison with the control" in text
    assert "have not been compared" not in text
