"""Significant is not large: a difference too small to matter, or of the other sign, is said to be so."""

import json

import pytest
from report_page import Page

from dynconv import records
from dynconv.report.build import build
from dynconv.report.paper import prose
from dynconv.report.paper.methods import paragraphs
from dynconv.report.results import load

SMALL = "better on 3 of 3 datasets, but the interval lies inside: too small to matter."


@pytest.mark.parametrize(
    ("diff", "low", "high", "words"),
    [
        (0.002, 0.001, 0.003, "odconv (+0.2 points, too small to matter) is significantly better"),
        (-0.03, -0.09, 0.03, "odconv (\u22123.0 points, of the other sign: see below) is significantly better"),
        (0.031, 0.02, 0.044, "odconv (+3.1 points) is significantly better"),
    ],
)
def test_what_is_significant_and_small_is_said_to_be(superior, diff, low, high, words):
    path = superior / "stats/pairwise.parquet"
    pairs = records.read("pairwise", path).to_pandas()
    row = (pairs["task"] == "timeseries") & (pairs["variant_a"] == "odconv") & (pairs["family"] == "primary")
    pairs.loc[row, ["mean_diff", "mean_diff_ci_low", "mean_diff_ci_high"]] = diff, low, high
    pairs.loc[row, "reason"] = SMALL
    records.write("pairwise", pairs, path)
    (superior / "stats/plan.json").write_text(json.dumps({"analysis": {"rope": {"timeseries": 0.01}}}))
    text = Page(build(superior)).text
    assert words in text
    noted = diff < 0.01
    assert (f"to be read with care (odconv): {SMALL}" in text) == noted
    assert ("odconv: better on 3 of 3" in (superior / "latex/verdicts.tex").read_text()) == noted


def test_a_region_of_no_width_is_told_beside_others(built, superior):
    rope = {"timeseries": 0.03, "classification": 0.0, "segmentation": 0.01}
    (superior / "stats/plan.json").write_text(json.dumps({"analysis": {"rope": rope}}))
    said = prose.plain(paragraphs(load(superior)))
    assert "Differences within \u00b10 (classification), \u00b10.01 (segmentation) and \u00b10.03 (timeseries)" in said
