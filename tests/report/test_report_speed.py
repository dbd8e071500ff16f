"""Speed and memory in the report: beside the control's where both were measured alike, and never else."""

import pytest
from report_example import VARIANTS, run_rows
from report_page import words

from dynconv import records
from dynconv.report import numbers, speed
from dynconv.report import results as report_results


def change(folder, variant, **columns):
    """Set columns of a variant's profile."""
    path = folder / "tables/profile.parquet"
    rows = records.read("profile", path).to_pylist()
    records.write("profile", [row | columns if row["variant"] == variant else row for row in rows], path)


def test_ratios_are_of_time_and_memory(small):
    found = {row["variant"]: row for row in speed.rows(report_results.load(small), "classification")}
    cost = VARIANTS["odconv"]
    own = found["odconv"]
    assert own["latency"] == pytest.approx(cost) and own["forward"] == pytest.approx(cost)
    assert own["step"] == pytest.approx(cost**2) and own["memory"] == pytest.approx(cost)
    assert found["vanilla"]["step"] == 1
    text = words(small).text
    assert "Measured on Example CPU, 2 CPU threads, fp32." in text and f"1.25{numbers.TIMES} time" in text


@pytest.mark.parametrize(
    ("column", "value"),
    [("device", "Other GPU"), ("threads", 4), ("precision", "bf16"), ("torch_version", "9.9"), ("tf32", "conv")],
)
def test_different_hardware_is_said_and_not_compared(small, column, value):
    change(small, "odconv", **{column: value})
    found = {row["variant"]: row for row in speed.rows(report_results.load(small), "classification")}
    assert all(found["odconv"][name] != found["odconv"][name] for name, _, _ in speed.RATIOS)  # NaN
    assert found["soft_local"]["step"] == pytest.approx(VARIANTS["soft_local"] ** 2)
    text = words(small).text
    if column != "tf32":  # of fp32 alone it is told, and beside another it always stands with a GPU's name
        assert "Rows of different hardware are not comparable." in text
        assert "networks were profiled on different hardware" in text


def test_a_step_that_did_not_fit_is_a_dash(make):
    folder = make(run_rows(VARIANTS, {"digits": "classification"}))
    absent = ("train_samples_per_s", "train_samples_per_s_q25", "train_samples_per_s_q75")
    change(folder, "odconv", **dict.fromkeys((*absent, "train_memory_bytes", "train_batch_size", "accumulate")))
    row = next(r for r in speed.rows(report_results.load(folder), "classification") if r["variant"] == "odconv")
    assert row["step"] != row["step"] and row["forward"] == pytest.approx(VARIANTS["odconv"])
    assert "nan" not in words(folder).text.lower().replace("provenance", "")


def test_a_profile_of_counts_alone_has_no_table(small):
    for variant in VARIANTS:
        change(small, variant, latency_p50_s=None)
    assert "Speed and memory of one untrained network" not in words(small).text


@pytest.mark.parametrize(
    ("number", "text"), [(0.4213, "0.421"), (87.06, "87.1"), (99.96, "100"), (5890.0, "5.89 k"), (None, numbers.NONE)]
)
def test_rates_have_three_digits(number, text):
    assert numbers.rate(number) == text


def test_few_repeats_have_no_spread(small):
    change(small, "odconv", latency_p95_s=None, samples_per_s_q25=None, samples_per_s_q75=None)
    assert "nan" not in words(small).text.lower().replace("provenance", "")
