"""What the profile has measured of each network: times and memory, beside the control's on the same hardware only."""

from typing import Any

import pandas as pd

from dynconv.report import numbers
from dynconv.report.results import Results

# Two measurements may be compared only if all of these agree.
HARDWARE = ("device", "cpu", "threads", "precision", "tf32", "driver_version", "cuda_version", "torch_version")
# Relative to the control: name, column, and whether more of it is less time.
RATIOS = (
    ("latency", "latency_p50_s", False),
    ("forward", "samples_per_s", True),
    ("step", "train_samples_per_s", True),
    ("memory", "train_memory_bytes", False),
)


def ratios(results: Results, task: str) -> pd.DataFrame:
    """The rows of the profile with `RATIOS`: time or memory over that of the control; NaN where incomparable."""
    rows = results.profile[results.profile["task"] == task]
    keys = ["dataset", *HARDWARE]
    base = rows.loc[rows["variant"] == results.control, [*keys, *(column for _, column, _ in RATIOS)]]
    both = rows.merge(base, on=keys, how="left", suffixes=("", "_control"))
    for name, column, rate in RATIOS:
        own, control = (both[c].astype(float) for c in (column, f"{column}_control"))
        both[name] = control / own if rate else own / control
    return both


def rows(results: Results, task: str) -> list[dict[Any, Any]]:
    """The rows of `ratios` in the report's order; empty where no profile has measured a time."""
    table = ratios(results, task)
    if table["latency_p50_s"].isna().all():
        return []
    found = {(row["dataset"], row["variant"]): row for row in table.to_dict("records")}
    order = [(dataset, variant) for dataset in results.datasets(task) for variant in results.variants]
    return [found[key] for key in order if key in found]


def hardware(results: Results, task: str) -> list[str]:
    """Each hardware that a profile of the task was taken on, in words."""
    own = results.profile[results.profile["task"] == task]
    return sorted({_words(row) for row in own.to_dict("records")})


def _words(row: dict[Any, Any]) -> str:
    told = {name: value for name, value in row.items() if isinstance(value, str)}  # what is null is NaN here
    device, cpu = told.get("device", "an unnamed device"), told.get("cpu")
    parts = [device if cpu in (None, device) else f"{device} beside {cpu}"]
    if numbers.known(row["threads"]):
        count = int(row["threads"])
        parts.append(f"{count} CPU thread{'' if count == 1 else 's'}")
    if precision := told.get("precision"):
        rounded = told.get("tf32", "none")
        parts.append(f"fp32 (TF32: {rounded})" if precision == "fp32" and rounded != "none" else precision)
    for label, column in (("PyTorch", "torch_version"), ("CUDA", "cuda_version"), ("driver", "driver_version")):
        if column in told:
            parts.append(f"{label} {told[column]}")
    return ", ".join(parts)
