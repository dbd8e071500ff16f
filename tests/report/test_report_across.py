"""Tasks side by side: the forest plot shows what the tables say, and the plan's deviations are told."""

import json

from report_example import DATASETS, VARIANTS, run_rows
from report_page import Page, words

from dynconv import records
from dynconv.report.build import build
from dynconv.report.figures import forest
from dynconv.report.results import load


def test_the_forest_plot_has_every_difference_and_its_verdict(superior):
    (drawing,) = forest.drawings(load(superior))
    assert drawing.name == "forest" and drawing.svg.count("difference to vanilla") == len(set(DATASETS.values()))
    assert "odconv +3.1 [+2.0, +4.4] superior" in drawing.alt
    assert drawing.alt.count("inconclusive") == 4 * 3 - 2


def test_claims_about_all_tasks_are_those_of_the_table(built, page):
    rows = records.read("crosstask", built / "stats/crosstask.parquet").to_pandas()
    claims = rows[rows["task"] == "all"]
    assert len(claims) == len(VARIANTS) - 1
    assert all(reason in page.text for reason in claims["reason"])
    assert any(attributes.get("aria-label", "").startswith("Forest plot") for attributes in page.all("svg"))


def test_one_task_has_a_forest_plot_and_no_claim(make):
    page = Page(build(make(run_rows(VARIANTS, {"digits": "classification"}))))
    assert "Across tasks" in page.text and "On every task" not in page.text


def test_the_plan_and_its_deviations_are_told(small):
    said = {"followed": False, "deviations": ["alpha is 0.1 instead of 0.05"], "notes": ["two runs say nothing"]}
    (small / "stats/plan.json").write_text(
        json.dumps(said | {"analysis": {"rope": 0.01, "alpha": 0.1}, "declared": None})
    )
    text = words(small).text
    assert "Exploratory, not confirmatory" in text and text.count("alpha is 0.1 instead of 0.05") >= 1
    assert (
        "Noted: two runs say nothing." in text
        and "region of practical equivalence and the test could have rejected" in text
    )
    assert "when the adjusted p is below 0.1" in text  # as it was done
    assert "with Welch\u2019s 90 per cent interval over the seeds of the one dataset" in text
    followed = {"followed": True, "deviations": [], "notes": [], "analysis": {}, "declared": {}, "analysis_hash": "abc"}
    (small / "stats/plan.json").write_text(json.dumps(followed))
    text = words(small).text
    assert "follows the plan that the study declared (digest abc)" in text and "Exploratory, not" not in text
    assert "region of practical equivalence, fixed before the runs, and the test could" in text
