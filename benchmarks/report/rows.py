"""The rows of the tables: runs and profile as dicts, the long tables run by run as Arrow tables."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from design import COSTS, Design
from lost import CAUSES

from dynconv.records import TABLES

START = datetime(2025, 3, 1, tzinfo=UTC)
METRIC = {"classification": "accuracy", "segmentation": "miou", "timeseries": "accuracy"}
LAYERS = 16  # convolutions of the residual branches of a ResNet-18
_KERNELS = [("kernel", quantity) for quantity in ("entropy", "usage_entropy", "information", "example_share")]
_GATE = [("gate", "entropy"), ("gate", "example_share")]
# What is seen of the layers of each variant, beside the parameters: subject and quantity.
SEEN = {
    "odconv": [
        *(
            (subject, quantity)
            for subject in ("channel", "filter", "spatial")
            for quantity in ("entropy", "example_share")
        ),
        ("mixed", "variation"),
        ("mixed", "effective_rank"),
    ],
    "condconv": _KERNELS,
    "dyconv": _KERNELS,
    "hard_attention": _GATE,
    "soft_local": _GATE,
    "soft_global": _GATE,
    "se_cbam": _GATE,
}


def runs(design: Design) -> list[dict[str, Any]]:
    """Every run of the study, `design.failed` of them failed."""
    rng = np.random.default_rng(0)
    shape = design.datasets, design.variants, design.seeds
    level = rng.beta(5, 2, shape[0])[:, None, None]
    effect = np.concatenate([[0], rng.normal(0, 0.01, shape[1] - 1)])[None, :, None]
    value = np.clip(level + effect + rng.normal(0, 0.01, shape[:2])[..., None] + rng.normal(0, 0.015, shape), 0, 1)
    lost = set(rng.choice(value.size, min(design.failed, value.size // 2), replace=False).tolist())
    size = rng.lognormal(3, 1, shape[0])
    found = []
    for place, (d, v, seed) in enumerate(np.ndindex(shape)):
        dataset, variant = [*design.tasks][d], design.names[v]
        task, cost = design.tasks[dataset], COSTS[variant]
        begin = START + timedelta(seconds=6 * place)
        row = {
            "run_id": f"{dataset}/{variant}/seed{seed}",
            "task": task,
            "dataset": dataset,
            "variant": variant,
            "seed": int(seed),
            "status": "ok",
            "attempt": 1,
            "params": int(3_844_000 * cost**2),
            "macs": int(size[d] * 2_000_000 * cost),
            "macs_theoretical": int(size[d] * 2_000_000 * (0.7 if variant == "hard_attention" else cost)),
            "device": "Example GPU",
            "hostname": f"node{place % 16:02}",
            "slurm_job_id": f"4000_{place // 16}",
            "queue_s": float(place // 16 % 600),
            "strategy": "single",
            "world_size": 1,
            "precision": "bf16",
            "git_sha": "0123abc" * 5,
            "git_dirty": False,
            "study": "scale",
            "study_hash": "feed" * 4,
            "run_hash": f"{d:08x}{v:08x}",
            "dataset_hash": f"{d:016x}",
            "dynconv_version": "0.1.0",
            "python_version": "3.11.9",
            "torch_version": "2.14.1",
            "cuda_version": "13.0",
            "started_at": begin,
            "finished_at": begin + timedelta(seconds=float(size[d] * cost)),
        }
        if place in lost:
            cause = CAUSES[place % len(CAUSES)].format(epoch=place % 19 + 1, step=place)
            row |= {"status": "failed", "failure": cause, "attempt": 1 + place % 3}
        else:
            seconds = float(size[d] * cost * rng.uniform(0.95, 1.05))
            row |= {
                METRIC[task]: float(value[d, v, seed]),
                "loss": float(-np.log(np.clip(value[d, v, seed], 0.01, 0.99))),
                "executed_fraction": float(rng.uniform(0.68, 0.72)) if variant == "hard_attention" else None,
                "epochs": design.epochs,
                "steps": design.epochs * 10,
                "accumulate": 1,
                "train_s": seconds,
                "diagnostics_s": 0.02 * seconds,
                "data_wait_s": 0.01 * seconds,
                "samples_per_s": 4000 / cost,
                "peak_memory_bytes": int(4e8 * cost),
                "energy_j": 210 * seconds,
            }
        found.append(row)
    return found


def metrics(design: Design, ended: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """Loss and learning rate of every epoch, and what the test split gave in the end."""
    rng = np.random.default_rng(1)
    epoch = np.arange(1, design.epochs + 1)
    for run in ended:
        own = METRIC[run["task"]]
        values = np.concatenate(
            [
                2 * np.exp(-epoch / design.epochs * 3) * rng.uniform(0.9, 1.1, len(epoch)),
                0.001 * (1 + np.cos(np.pi * epoch / design.epochs)),
                [run[own], run["loss"]],
            ]
        )
        yield _table(
            "metrics",
            run,
            len(values),
            split=["train"] * 2 * len(epoch) + ["test"] * 2,
            epoch=np.concatenate([epoch, epoch, [design.epochs] * 2]),
            step=np.concatenate([epoch, epoch, [design.epochs] * 2]) * 10,
            metric=["loss"] * len(epoch) + ["lr"] * len(epoch) + [own, "loss"],
            value=values,
        )


def predictions(design: Design, ended: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """A class for every test example, right as often as the run's accuracy says; of segmentation a confusion matrix."""
    rng = np.random.default_rng(2)
    number = np.arange(design.examples)
    target = number % 5
    for run in ended:
        if run["task"] == "segmentation":
            right = rng.binomial(100, run["miou"], (design.examples, 2))
            counts = np.stack([right[:, 0], 100 - right[:, 0], 100 - right[:, 1], right[:, 1]], axis=1)
            yield _table("predictions", run, design.examples, example_id=number, confusion=counts.tolist())
            continue
        right = rng.random(design.examples) < run["accuracy"]
        predicted = np.where(right, target, (target + 1) % 5)
        certain = rng.uniform(0.3, 1, design.examples)
        yield _table(
            "predictions",
            run,
            design.examples,
            example_id=number,
            target=target,
            prediction=predicted,
            confidence=certain,
        )


def diagnostics(design: Design, ended: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """What the layers do: as many rows as a run of each variant has with so many looks."""
    rng = np.random.default_rng(3)
    looks = np.unique(np.geomspace(1, design.epochs, design.looks).round()).astype(int)
    for run in ended:
        seen = [("parameters", "gradient_norm"), ("parameters", "sharpness"), *SEEN.get(run["variant"], [])]
        look, depth, what = (index.ravel() for index in np.indices((len(looks), LAYERS, len(seen))))
        subjects, quantities = (np.array(names) for names in zip(*seen, strict=True))
        relative = rng.uniform(0.5, 1, len(what))
        entropy = np.isin(quantities[what], ["entropy", "usage_entropy", "information"])
        yield _table(
            "diagnostics",
            run,
            len(what),
            epoch=looks[look],
            layer=np.array([f"layer{n // 4 + 1}.{n // 2 % 2}.conv{n % 2 + 1}" for n in range(LAYERS)])[depth],
            subject=subjects[what],
            quantity=quantities[what],
            depth=depth + 1,
            value=np.where(entropy, relative * np.log(8), relative * 3),
            relative=pa.array(relative, mask=~entropy),
            examples=np.full(len(what), 16),
        )


def profile(design: Design) -> list[dict[str, Any]]:
    """What the networks cost."""
    found = []
    for dataset, task in design.tasks.items():
        for variant in design.names:
            cost = COSTS[variant]
            row = {"dataset": dataset, "variant": variant, "task": task, "params": int(3_844_000 * cost**2)}
            row |= {"latency_p50_s": 0.0041 * cost, "latency_p95_s": 0.0052 * cost, "latency_repeats": 97}
            for name, rate in (("samples_per_s", 9000 / cost), ("train_samples_per_s", 3000 / cost**2)):
                row |= {name: rate, f"{name}_q25": 0.97 * rate, f"{name}_q75": 1.02 * rate}
            row |= {"batch_size": 64, "train_batch_size": 64, "accumulate": 1, "train_memory_bytes": int(2e8 * cost)}
            row |= {
                "macs": int(4e7 * cost),
                "macs_theoretical": int(4e7 * cost),
                "forward_memory_bytes": int(5e7 * cost),
            }
            row |= {"device": "Example GPU", "cpu": "Example CPU", "threads": 2, "precision": "bf16", "tf32": "conv"}
            found.append(row | {"torch_version": "2.14.1", "cuda_version": "13.0", "driver_version": "570.1"})
    return found


def _table(name: str, run: dict[str, Any], length: int, **columns: Any) -> pa.Table:
    schema = TABLES[name].schema
    keys = {key: [run[key]] * length for key in ("run_id", "dataset", "variant", "seed")}
    given = keys | columns
    return pa.table(
        [pa.array(given[f.name], f.type) if f.name in given else pa.nulls(length, f.type) for f in schema],
        schema=schema,
    )
