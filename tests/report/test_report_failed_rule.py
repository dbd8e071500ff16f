"""Where the plan counts failed runs, means and comparisons are not of the same runs: what is shown says so."""

import json

import pytest
from report_example import VARIANTS, run_rows
from report_page import Page

from dynconv import records
from dynconv.report.build import build
from dynconv.stats.compare import compare
from dynconv.stats.table import load

DATASETS = {f"ucr/{name}": "timeseries" for name in ("Car", "Coffee", "Beef", "Meat")}


@pytest.mark.parametrize(
    ("rule", "words", "ranked"),
    [
        ("worst", "count a failed run as the worst run", 4),
        ("drop_dataset", "leave out every dataset on which a run failed", 2),
        ("omit", None, 3),
    ],
)
def test_what_failed_runs_count_as_is_said(make, rule, words, ranked):
    rows = run_rows(VARIANTS, DATASETS)
    for row in rows:  # of one variant every run on one dataset, of another a single one
        lost = row["dataset"] == "ucr/Car" and row["variant"] == "odconv"
        if lost or row["run_id"] == "ucr/Coffee/soft_local/seed1":
            row |= {"status": "failed", "failure": "loss is NaN", "accuracy": None, "train_s": None, "epochs": None}
    folder = make(rows)
    tables = compare(
        load(folder / "tables/runs.parquet"), control="vanilla", failed_runs=rule, resamples=100, posterior=False
    )
    for name, table in tables.items():
        records.write(name, table, folder / f"stats/{name}.parquet")
    (folder / "stats/plan.json").write_text(json.dumps({"analysis": {"failed_runs": rule}}))
    text = Page(build(folder)).text
    means, verdicts = ((folder / f"latex/{name}.tex").read_text() for name in ("means-timeseries", "verdicts"))
    assert (ranked == 3) == ("Mean and mean rank (1 = best) over the 3 datasets" in means)
    if words:
        assert text.count(words) >= 3  # means, differences, coverage
        assert words in means and words in verdicts
        assert "Mean over the 3 datasets on which every variant has a run that ended well; mean rank" in means
        assert f"over the {ranked} that are compared" in means
    else:
        assert "Comparisons and ranks" not in text + means + verdicts
