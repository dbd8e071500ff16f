"""A metric of which less is better: what is shown says which way is better, and to how many digits."""

import pytest
from report_example import run_rows, write
from report_page import Page

from dynconv import records
from dynconv.report import numbers
from dynconv.report.build import build
from dynconv.stats.compare import compare
from dynconv.stats.table import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three variants on two datasets; `better` has the lower loss and the lower accuracy."""
    loss = {"vanilla": 1.0, "better": 0.8, "worse": 1.3}
    rows = [
        row | {"loss": loss[row["variant"]] + 0.01 * row["seed"]}
        for row in run_rows(dict.fromkeys(loss, 1.0), {"ucr/ArrowHead": "timeseries", "ucr/GunPoint": "timeseries"})
    ]
    place = write(tmp_path_factory.mktemp("lower"), rows)
    frame = load(place / "tables/runs.parquet", metric="loss", lower_is_better=True)
    tables = compare(frame, control="vanilla", lower_is_better=True, resamples=100, posterior=False)
    for name, table in tables.items():
        records.write(name, table, place / f"stats/{name}.parquet")
    build(place)
    return place


def test_the_page_says_which_way_is_better(folder):
    page = Page(folder / "report.html")
    assert "Column minus row, since lower is better: mean difference" in page.text
    assert "positive when the variant is better (its loss lower)" in page.text
    assert "percentage points" not in page.text.partition("Methods")[0]
    difference = page.rows["timeseries/better"][2]
    assert float(difference["data-value"]) == pytest.approx(0.2) and difference["text"].startswith("+0.200")


def test_so_do_the_tables_of_the_paper(folder):
    matrix = (folder / "latex/matrix-timeseries.tex").read_text()
    assert "column minus row (positive: the row is better)" in matrix and "$-$0.200" in matrix
    assert "(positive: the variant is better)" in (folder / "latex/verdicts.tex").read_text()
    means = (folder / "latex/means-timeseries.tex").read_text()
    assert "\\textbf{0.810}" in means


@pytest.mark.parametrize(
    ("number", "text"), [(0.99980, "1.00"), (0.034, "0.0340"), (123.4, "123"), (0.0, "0.00"), (-0.2, "-0.200")]
)
def test_three_digits_are_three(number, text):
    assert numbers.three(number) == text
    assert numbers.value(number, "loss") == text
