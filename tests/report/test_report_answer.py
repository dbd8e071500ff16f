"""Every number of the answer comes from the tables, and no sentence says more than they do."""

import io

import numpy as np
import pandas as pd
import pytest
from report_example import DATASETS, VARIANTS, run_rows
from report_page import Page, words
from rich.console import Console

from dynconv import records
from dynconv.report import numbers
from dynconv.report.results import load
from dynconv.report.summary import print_verdicts, verdicts


def table(results, name) -> pd.DataFrame:
    folder = "tables" if name == "runs" else "stats"
    return records.read(name, results / folder / f"{name}.parquet").to_pandas()


def test_answer_table_is_traceable(built, page):
    results, runs = built, table(built, "runs")
    primary = table(results, "pairwise").query("family == 'primary'")
    assert len(page.rows) == len(primary) == (len(VARIANTS) - 1) * len(set(DATASETS.values()))
    for row in primary.itertuples():
        cells = page.rows[f"{row.task}/{row.variant_a}"]
        _, verdict, diff, p, *posterior, wtl, params, macs, _, time, ran = cells
        assert verdict["text"] == row.verdict and len(posterior) <= 1
        assert float(diff["data-value"]) == row.mean_diff
        assert (float(diff["data-low"]), float(diff["data-high"])) == (row.mean_diff_ci_low, row.mean_diff_ci_high)
        assert diff["text"].split() == [
            numbers.difference(row.mean_diff, row.metric),
            *numbers.interval(row.mean_diff_ci_low, row.mean_diff_ci_high, row.metric).split(),
        ]
        assert wtl["text"] == f"{row.wins}/{row.ties}/{row.losses}"
        assert float(p["data-value"]) == row.p_adjusted
        ok = runs[(runs["task"] == row.task) & (runs["status"] == "ok")]
        cell = ok.groupby(["variant", "dataset"])[["params", "macs", "macs_theoretical", "train_s"]].mean()
        logs = np.log(cell.loc[row.variant_a] / cell.loc["vanilla"]).mean()
        needed = numbers.ratio(np.exp(logs["macs_theoretical"]))
        assert numbers.ratio(np.exp(logs["macs"])) == needed or f"({needed})" in macs["text"]
        shown = [float(c["data-value"]) for c in (params, macs, time)]
        assert shown == pytest.approx(np.exp(logs[["params", "macs", "train_s"]]).tolist())
        assert int(ran["data-value"]) == (ok["variant"] == row.variant_a).sum()


def test_inconclusive_says_why(built, page):
    reasons = table(built, "pairwise").query("family == 'primary'")["reason"].unique()
    assert len(reasons) >= 3
    assert all(reason in page.text for reason in reasons)
    headlines = _headlines(page)
    assert headlines.count("Inconclusive") == len(set(DATASETS.values()))
    assert "significantly" not in headlines


def test_significant_verdicts_lead_the_sentence(superior):
    headlines = _headlines(words(superior))
    assert "odconv (+3.1 points) is significantly better than vanilla in accuracy." in headlines
    worse = numbers.minus("soft_local (-3.1 points) is significantly worse than vanilla")
    assert worse in headlines
    assert "Inconclusive: hard_attention and soft_global." in headlines


def test_colour_is_strong_only_where_significant(superior):
    page = words(superior)
    classes = [td.get("class") for td in page.all("td")]
    assert (classes.count("up sure"), classes.count("down sure")) == (2, 2)  # two pairs, each also mirrored
    assert "up" in classes and "down" in classes


def _headlines(page: Page) -> str:
    return page.text.partition("Each variant against")[2].partition("Difference: mean over datasets")[0]


def test_verdicts_join_statistics_and_cost(built):
    found = verdicts(built)
    assert [(v.task, v.control) for v in found[:4]] == [("classification", "vanilla")] * 4
    for v in found:
        assert v.mean - v.control_mean == pytest.approx(v.diff)
        assert v.cost.macs == pytest.approx(VARIANTS[v.variant], rel=1e-5)
        assert (v.cost.macs_theoretical < v.cost.macs) == (v.variant == "hard_attention")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_terminal_table_fits_and_says_all(superior, width):
    stream = io.StringIO()
    print_verdicts(superior, Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text
    for v in verdicts(superior):
        line = next(ln for ln in text.split(v.task)[1].splitlines() if v.variant in ln)
        assert numbers.difference(v.diff, v.metric) in line and v.verdict in line
        assert numbers.interval(v.ci_low, v.ci_high, v.metric) in line
    assert "73 runs ended well, 2 failed" in text


def test_terminal_takes_names_literally(make):
    rows = run_rows({"vanilla": 1.0, "[red]v[/red]": 1.1}, {"digits": "classification"})
    stream = io.StringIO()
    print_verdicts(make(rows), Console(file=stream, width=100))
    assert "[red]v[/red]" in stream.getvalue()


def test_times_of_different_hardware_are_never_compared(make):
    rows = run_rows(VARIANTS, {"digits": "classification"})
    for row in rows:
        if row["variant"] != "vanilla":
            row["device"] = "Another GPU"
    results = make(rows)
    assert all(v.cost.train_s is None and v.cost.macs for v in verdicts(results))
    assert "timed on different hardware (Another GPU; Example CPU)" in words(results).text


def test_time_ratio_pairs_runs_of_the_same_device(make):
    rows = run_rows({"vanilla": 1.0, "odconv": 1.0}, {"digits": "classification"}, seeds=2)
    times = {("vanilla", 0): 10.0, ("vanilla", 1): 1.0, ("odconv", 0): 20.0, ("odconv", 1): 2.0}
    for row in rows:
        row["train_s"] = times[row["variant"], row["seed"]]
        row["device"] = f"device {row['seed']}"
    (verdict,) = verdicts(make(rows))
    assert verdict.cost.train_s == pytest.approx(2.0)


def test_order_puts_the_control_first(built):
    assert load(built).variants == ["vanilla", "hard_attention", "odconv", "soft_global", "soft_local"]
