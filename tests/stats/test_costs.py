"""Costs from this project's tables: which column, which hardware, and what is left out."""

import numpy as np
import pandas as pd

from dynconv.stats import costs

NAN = float("nan")


def _runs(**columns):
    base = {"task": "classification", "dataset": "digits", "variant": ["a", "b", "b"], "status": ["ok", "ok", "failed"]}
    base |= {"macs": [10, 20, 20], "macs_theoretical": [1, 2, 2], "train_s": [3.0, 4.0, 0.1], "device": "H200"}
    base |= {"energy_j": [NAN] * 3, "peak_memory_bytes": [100, 200, 300], "world_size": [1, 4, 1]}
    return pd.DataFrame(base | columns)


def _profile(**columns):
    base = {"task": "classification", "dataset": "digits", "variant": ["a", "b"], "latency_p50_s": [0.1, 0.2]}
    base |= {"train_memory_bytes": [7, 8], "train_batch_size": [128, 128], "accumulate": [1, 4]}
    base |= {"device": ["H200", "EPYC"], "device_memory_bytes": [1e11, NAN], "threads": [8.0, 2.0]}
    return pd.DataFrame(base | columns)


def _of(frame, cost):
    rows = frame[frame["cost"] == cost]
    return list(
        zip(rows["variant"], rows["value"], rows["hardware"].where(rows["hardware"].notna(), None), strict=True)
    )


def test_runs_give_executed_macs_time_energy_and_memory_of_runs_that_ended():
    frame = costs.read(_runs())
    assert list(frame.columns) == costs.COLUMNS
    assert _of(frame, "macs") == [("a", 10, None), ("b", 20, None)]
    assert _of(frame, "train_s") == [("a", 3, "H200"), ("b", 4, "H200 x 4")]
    assert _of(frame, "memory_bytes") == [("a", 100, "H200"), ("b", 200, "H200 x 4")]
    assert [variant for variant, value, _ in _of(frame, "energy_j") if np.isnan(value)] == ["a", "b"]
    assert _of(frame, "latency_s") == []


def test_the_profile_gives_latency_and_memory_with_what_they_depend_on():
    frame = costs.read(_runs(), _profile())
    assert _of(frame, "latency_s") == [("a", 0.1, "H200"), ("b", 0.2, "EPYC, 2 threads")]
    assert _of(frame, "memory_bytes") == [
        ("a", 7, "H200, 128 examples at a time"),
        ("b", 8, "EPYC, 32 examples at a time"),
    ]
    absent = _profile(train_memory_bytes=[NAN, 8], train_batch_size=[NAN, 128], accumulate=[NAN, 1])
    variant, value, hardware = _of(costs.read(_runs(), absent), "memory_bytes")[0]
    assert (variant, np.isnan(value), hardware) == ("a", True, "H200")


def test_tables_with_few_columns():
    frame = costs.read(_runs()[["task", "dataset", "variant", "macs"]])
    assert set(frame["cost"]) == {"macs"}
    assert len(frame) == 3
    unknown = costs.read(_runs().drop(columns=["device", "world_size"]))
    assert {hardware for *_, hardware in _of(unknown, "train_s")} == {"not known"}
    empty = costs.read(_runs()[:0], _profile()[:0])
    assert list(empty.columns) == costs.COLUMNS
    assert len(empty) == 0
    assert len(costs.read(_runs(status="failed"))) == 0
