"""A results folder as the pipeline would leave it: five variants, five datasets, three seeds, two failed runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from dynconv import records
from dynconv.stats.compare import compare
from dynconv.stats.table import load

VARIANTS = {"vanilla": 1.0, "hard_attention": 1.02, "soft_local": 1.05, "soft_global": 1.03, "odconv": 1.12}
DATASETS = {
    "digits": "classification",
    "shapes_voc": "segmentation",
    "ucr/ArrowHead": "timeseries",
    "ucr/GunPoint": "timeseries",
    "ucr/ItalyPowerDemand": "timeseries",
}
FAILED = {
    ("ucr/ArrowHead", "odconv", 1): "loss is NaN at epoch 3, step 41",
    ("digits", "soft_local", 2): "out of memory",
}
METRIC = {"classification": "accuracy", "segmentation": "miou", "timeseries": "accuracy"}
EPOCHS = 8
START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def run_rows(variants: dict[str, float], datasets: dict[str, str], seeds: int = 3, **changes) -> list[dict]:
    """Rows of `runs`; `changes` replace columns in every row."""
    rng = np.random.default_rng(7)
    rows = []
    for d, (dataset, task) in enumerate(datasets.items()):
        for variant, cost in variants.items():
            for seed in range(seeds):
                cause = FAILED.get((dataset, variant, seed))
                row = {
                    "run_id": f"{dataset}/{variant}/seed{seed}",
                    "task": task,
                    "dataset": dataset,
                    "variant": variant,
                    "seed": seed,
                    "status": "failed" if cause else "ok",
                    "failure": cause,
                    "attempt": 1,
                    "params": int(944_000 * cost**3),
                    "macs": int((d + 1) * 21_000_000 * cost),
                    "macs_theoretical": int((d + 1) * 21_000_000 * (0.7 if variant == "hard_attention" else cost)),
                    "device": "Example CPU",
                    "hostname": "node01",
                    "strategy": "single",
                    "world_size": 1,
                    "queue_s": 1.5 * len(rows),
                    "precision": "fp32",
                    "git_sha": "0123abc",
                    "git_dirty": False,
                    "study": "test",
                    "study_hash": "feed",
                    "run_hash": f"{dataset}-{variant}",
                    "dataset_hash": f"hash-of-{dataset}",
                    "dynconv_version": "0.1.0",
                    "python_version": "3.11.9",
                    "torch_version": "2.14.1",
                    "started_at": START + timedelta(minutes=len(rows)),
                    "finished_at": START + timedelta(minutes=len(rows) + 1),
                }
                if not cause:
                    row |= {
                        "epochs": EPOCHS,
                        METRIC[task]: float(np.clip(0.9 - 0.03 * d + rng.normal(0, 0.015), 0, 1)),
                        "train_s": float(10 * cost * rng.uniform(0.95, 1.05)),
                        "peak_memory_bytes": 410_000_000,
                        "executed_fraction": float(rng.uniform(0.68, 0.72)) if variant == "hard_attention" else None,
                    }
                rows.append(row | changes)
    return rows


def metric_rows(runs: list[dict]) -> list[dict]:
    """A falling training loss for every run."""
    keys = ("run_id", "dataset", "variant", "seed")
    rng = np.random.default_rng(1)
    return [
        {k: run[k] for k in keys}
        | {"split": "train", "epoch": epoch, "step": epoch * 10, "metric": "loss", "value": value}
        for run in runs
        for epoch in range(1, EPOCHS + 1)
        for value in [float(2 * np.exp(-epoch / 3) * rng.uniform(0.9, 1.1))]
    ]


def speed(cost: float) -> dict:
    """What the profile of a variant of that relative cost measures."""
    row = {"latency_p50_s": 0.0041 * cost, "latency_p95_s": 0.0052 * cost, "latency_repeats": 97}
    for name, rate in (("samples_per_s", 900 / cost), ("train_samples_per_s", 300 / cost**2)):
        row |= {name: rate, f"{name}_q25": 0.97 * rate, f"{name}_q75": 1.02 * rate}
    row |= {"batch_size": 64, "train_batch_size": 64, "accumulate": 1, "train_memory_bytes": int(2e8 * cost)}
    return row | {"device": "Example CPU", "cpu": "Example CPU", "threads": 2, "precision": "fp32"}


def write(folder: Path, runs: list[dict]) -> Path:
    """Write runs, metrics, predictions, profile and, where there is something to compare, the statistics."""
    records.write("runs", runs, folder / "tables/runs.parquet")
    records.write("metrics", metric_rows(runs), folder / "tables/metrics.parquet")
    keys = ("run_id", "dataset", "variant", "seed")
    predictions = [{k: run[k] for k in keys} | {"example_id": n, "target": n} for run in runs for n in range(2)]
    records.write("predictions", predictions, folder / "tables/predictions.parquet")
    cells = {(run["dataset"], run["variant"]): run for run in runs}
    columns = ("dataset", "variant", "task", "params", "macs", "macs_theoretical")
    profile = [{k: run[k] for k in columns} | speed(VARIANTS.get(run["variant"], 1.0)) for run in cells.values()]
    records.write("profile", profile, folder / "tables/profile.parquet")
    if len({run["variant"] for run in runs}) > 1:
        frame = load(folder / "tables/runs.parquet")
        for name, table in compare(frame, control=next(iter(VARIANTS)), resamples=200, posterior=False).items():
            records.write(name, table, folder / f"stats/{name}.parquet")
    return folder
