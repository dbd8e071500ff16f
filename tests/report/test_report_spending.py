"""What the study has cost: sums over its runs, on GPUs and CPUs apart, and never more than the tables know."""

import json
from datetime import timedelta

import pytest
from report_example import START, run_rows

from dynconv import records
from dynconv.report import spending
from dynconv.report.results import load

GPU = {"device": "NVIDIA H100", "cuda_version": "13.0"}


def results_of(folder, rows):
    records.write("runs", rows, folder / "tables/runs.parquet")
    return load(folder)


def rows_of(*changes):
    """One run a dict of changes: 1,800 s on one process of a CPU, the job started at once, unless changed."""
    base = run_rows({"vanilla": 1.0}, {"digits": "classification"}, seeds=1)[0]
    base |= {"train_s": 1800.0, "device": "AMD EPYC (CPU)", "queue_s": 0.0, "diagnostics_s": 4.0}
    return [base | {"seed": n, "run_id": f"digits/vanilla/seed{n}"} | change for n, change in enumerate(changes)]


def test_hours_are_those_of_processes_and_of_gpus_apart(tmp_path):
    # A torch that had CUDA can have trained on the processor all the same; a device without a name is no GPU.
    cuda_on_cpu = {"cuda_version": "13.0"}
    rows = rows_of({}, GPU | {"world_size": 4, "energy_j": 3.6e6}, GPU, cuda_on_cpu, cuda_on_cpu | {"device": None})
    total = spending.total(results_of(tmp_path, rows))
    assert (total.runs, total.timed) == (5, 5)
    assert total.gpu_hours == pytest.approx(2.5) and total.cpu_hours == pytest.approx(1.5)
    assert (total.energy_j, total.metered) == (3.6e6, 1)
    assert total.diagnostics_s == 20


def test_failed_and_repeated_runs(tmp_path):
    lost = {"status": "failed", "failure": "NODE_FAIL", "train_s": None, "attempt": 3}
    took = {"started_at": START, "finished_at": START + timedelta(minutes=5)}
    rows = rows_of({"attempt": 2}, lost | took, lost | {"started_at": None})
    total = spending.total(results_of(tmp_path, rows))
    assert (total.runs, total.timed, total.failed, total.repeated) == (3, 1, 2, 5)
    assert total.failed_s == 300


def test_the_queue_is_of_those_that_know(tmp_path):
    rows = rows_of(*({"queue_s": float(n)} for n in range(11)), {"queue_s": None})
    total = spending.total(results_of(tmp_path, rows))
    assert (total.queued, total.queue_median_s, total.queue_p90_s, total.queue_most_s) == (11, 5, 9, 10)


def test_what_no_run_knows_is_none(tmp_path):
    unknown = dict.fromkeys(("train_s", "queue_s", "diagnostics_s", "started_at", "device", "world_size", "attempt"))
    total = spending.total(results_of(tmp_path, rows_of(unknown)))
    sums = "gpu_hours cpu_hours energy_j diagnostics_s failed_s search_s queue_median_s queue_p90_s queue_most_s"
    assert [getattr(total, name) for name in sums.split()] == [None] * 9
    assert (total.runs, total.timed, total.metered, total.queued, total.repeated) == (1, 0, 0, 0, 0)


def test_a_table_of_before_has_no_queue(tmp_path):
    results = results_of(tmp_path, rows_of({}))
    file = tmp_path / "tables/runs.parquet"
    results.runs.drop(columns="queue_s").to_parquet(file)
    assert spending.total(load(tmp_path)).queued == 0


def test_on_the_page(page):
    assert "What the study has cost" in page.text
    assert "Training took" in page.text and "process-hours on CPUs" in page.text
    assert "Energy was not measurable" in page.text
    place = json.dumps({"task": "timeseries", "variant": "odconv"})
    (row,) = [
        row
        for table in page.tables
        for row in table.rows
        if table.attributes.get("data-source") == "tables/runs.parquet" and row.attributes.get("data-where") == place
    ]
    assert row.cells[2]["data-value"] == "9"  # three datasets of three seeds
