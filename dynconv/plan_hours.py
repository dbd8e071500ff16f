"""What the open runs of a study will take, from the seconds that its past runs took.  Never a guess without a basis."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from dynconv import records
from dynconv.errors import DynconvError

COLUMNS = ("dataset", "variant", "status", "train_s", "params", "macs", "device", "world_size", "run_hash")
Cell = tuple[str, str]  # dataset, variant


@dataclass
class Estimate:
    """Seconds of one run by (dataset, variant), and what they rest on."""

    device: str | None = None  # the hardware that was timed: None without any past run
    past: int = 0  # runs that were timed
    seconds: dict[Cell, float] = field(default_factory=dict)
    scaled: set[Cell] = field(default_factory=set)  # by multiply-adds, from other variants on the same dataset


def is_gpu(device: str) -> bool:
    """Whether a `device` column names a GPU: processors say `(CPU)`."""
    return not device.endswith("(CPU)")


def estimate(
    rows: Iterable[Mapping[str, Any]], cells: Iterable[Cell], profiles: Path, gpu: bool | None, ranks: int | None
) -> Estimate:
    """Seconds of a run of each cell, where there is a basis.

    A cell with past runs takes their mean `train_s`.  Another takes, from the past runs of other variants on the same
    dataset, their mean of seconds a multiply-add, times its own multiply-adds from its profile.

    Args:
        rows: past runs of the present recipes, with `COLUMNS`.
        cells: (dataset, variant) of the open runs.
        profiles: the folder of `<dataset>/<variant>.parquet`.
        gpu: True: only times of GPUs count, False: only of processors, None: either.
        ranks: only times of runs of so many processes count; None: of any number.
    """
    timed = [row for row in rows if row["status"] == "ok" and row["train_s"] and row["device"]]
    timed = [row for row in timed if gpu is None or is_gpu(row["device"]) is gpu]
    timed = [row for row in timed if ranks is None or (row["world_size"] or 1) == ranks]
    if not timed:
        return Estimate()
    device, past = Counter(row["device"] for row in timed).most_common(1)[0]  # times of two machines are never mixed
    known: dict[Cell, list[float]] = {}
    rates: dict[str, dict[str, list[float]]] = {}  # dataset, variant: seconds a multiply-add
    for row in timed:
        if row["device"] == device:
            known.setdefault((row["dataset"], row["variant"]), []).append(row["train_s"])
            if row["macs"]:
                by_variant = rates.setdefault(row["dataset"], {})
                by_variant.setdefault(row["variant"], []).append(row["train_s"] / row["macs"])
    result = Estimate(device, past, {cell: fmean(seconds) for cell, seconds in known.items()})
    for dataset, variant in set(cells) - set(known):
        macs = _macs(profiles / dataset / f"{variant}.parquet") if dataset in rates else None
        if macs:
            result.seconds[dataset, variant] = macs * fmean(fmean(values) for values in rates[dataset].values())
            result.scaled.add((dataset, variant))
    return result


def _macs(file: Path) -> int | None:
    """Multiply-adds of a profile; None if there is none yet."""
    try:
        return records.read("profile", file).column("macs")[0].as_py()
    except (DynconvError, IndexError):
        return None
