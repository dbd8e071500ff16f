"""What runs and networks cost, from this project's tables, in the one form that `pareto.rows` takes.

Costs that depend on hardware carry its name, and are compared on the same hardware only.
"""

import numpy as np
import pandas as pd

COLUMNS = ["task", "dataset", "variant", "cost", "value", "hardware"]


def read(runs: pd.DataFrame, profile: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row a measurement: task, dataset, variant, cost, value (NaN: not measured), hardware (None: any).

    - macs: multiply-adds of one example's forward pass as executed; what the method needs in theory
      (`macs_theoretical`) saves nothing here.  No hardware.
    - train_s: seconds of a whole training; energy_j: of all GPUs during it.  Hardware: the device, and how many
      processes trained together.
    - latency_s: median seconds of a forward pass of one example (profile).  Hardware: the device; on a CPU the threads.
    - memory_bytes: most memory in training steps as the allocator counts it (profile; hardware also says how many
      examples were in memory at a time).  Without a profile, the most memory of the runs, which on a CPU is that of the
      whole process.

    Failed runs are left out: they stopped somewhere.  A column that a table lacks gives no rows; one without a number
    gives rows with NaN, so that what could not be measured is seen in the coverage.

    Args:
        runs: the table `runs`; at least task, dataset and variant.
        profile: the table `profile`, or None.
    """
    if "status" in runs.columns:
        runs = runs[runs["status"] == "ok"]
    device = _text(runs, "device") + _times(runs, "world_size")
    parts = [
        _rows(runs, "macs", "macs", None),
        _rows(runs, "train_s", "train_s", device),
        _rows(runs, "energy_j", "energy_j", device),
    ]
    if profile is None:
        parts.append(_rows(runs, "memory_bytes", "peak_memory_bytes", device))
    else:
        timed, held = _text(profile, "device"), _text(profile, "device")
        if {"device_memory_bytes", "threads"} <= set(profile.columns):
            threads = _numbers(profile, "threads").map(lambda count: f", {count:.0f} threads")
            timed = timed.where(profile["device_memory_bytes"].notna(), timed + threads)
        if {"train_batch_size", "accumulate"} <= set(profile.columns):
            at_once = _numbers(profile, "train_batch_size") / _numbers(profile, "accumulate")
            held = held + at_once.map(
                lambda size: "" if np.isnan(size) else f", {np.ceil(size):.0f} examples at a time"
            )
        parts.append(_rows(profile, "latency_s", "latency_p50_s", timed))
        parts.append(_rows(profile, "memory_bytes", "train_memory_bytes", held))
    return pd.concat(parts, ignore_index=True).astype({"value": float, "hardware": object})


def _rows(table: pd.DataFrame, cost: str, column: str, hardware: pd.Series | None) -> pd.DataFrame:
    if column not in table.columns:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    frame = table[["task", "dataset", "variant"]].astype(str)
    return frame.assign(cost=cost, value=_numbers(table, column), hardware=hardware)[COLUMNS]


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    return pd.to_numeric(table[column], errors="coerce").astype(float)


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as text; "not known" where there is none: such measurements are compared with one another only."""
    if column not in table.columns:
        return pd.Series("not known", index=table.index, dtype=object)
    return table[column].astype(object).where(table[column].notna(), "not known").map(str)


def _times(table: pd.DataFrame, column: str) -> pd.Series:
    """ " x 4" where 4 processes trained together."""
    if column not in table.columns:
        return pd.Series("", index=table.index, dtype=object)
    return _numbers(table, column).fillna(1).map(lambda size: f" x {size:.0f}" if size > 1 else "")
