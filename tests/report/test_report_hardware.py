"""Costs are means over datasets: one whose runs were made on two kinds of hardware counts once."""

import pandas as pd
import pytest
from report_example import run_rows

from dynconv.report.build import build
from dynconv.report.cost import relatives
from dynconv.report.results import load


def test_a_dataset_on_two_kinds_of_hardware_counts_once(make):
    """On Car, whose runs were made on two machines, `wide` takes twice the time; on Coffee four times."""
    times = {"ucr/Car": 2.0, "ucr/Coffee": 4.0}
    rows = run_rows({"vanilla": 1.0, "wide": 1.0}, dict.fromkeys(times, "timeseries"), seeds=2)
    for row in rows:
        if row["dataset"] == "ucr/Car" and row["seed"] == 1:
            row["device"] = "Another CPU"
        if row["variant"] == "wide":
            row["macs"] *= int(times[row["dataset"]])
        row["train_s"] = 10.0 * (times[row["dataset"]] if row["variant"] == "wide" else 1.0)
    folder = make(rows)
    found = relatives(load(folder), "timeseries")["wide"]
    assert found.train_s == pytest.approx(8**0.5) and found.macs == pytest.approx(8**0.5)
    build(folder)
    written = pd.read_csv(folder / "csv/cost-timeseries.csv").set_index("variant").loc["wide"]
    assert written["train_s_ratio"] == pytest.approx(8**0.5) and written["macs_ratio"] == pytest.approx(8**0.5)
