"""The diagnostics' fast reduction gives what a plain one gives, run by run, however the file is cut into row groups."""

import math
from collections import defaultdict
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dynconv import records
from dynconv.report import dynamics, dynamics_cells

SUBJECTS = {
    "channel": ("entropy", "example_share"),
    "filter": ("entropy", "example_share"),
    "kernel": ("entropy", "usage_entropy", "information"),
    "mixed": ("variation", "effective_rank"),
    "parameters": ("sharpness", "gradient_norm"),
}
RELATIVE = "entropy", "usage_entropy", "information"


def table():
    """Rows of runs of all kinds: with and without an attention, a last look, or a single layer; values may be null."""
    rng = np.random.default_rng(5)
    rows = []
    for dataset, variant, number in [(d, v, n) for d in ("a", "b/c") for v in ("plain", "x<y", "z") for n in (0, 7)]:
        subjects = ["parameters"] if variant == "plain" else [*SUBJECTS]
        looks = [*rng.choice(np.arange(1, 8), 2, replace=False).tolist(), *([8] if rng.random() < 0.8 else [])]
        for epoch in looks:
            for depth in range(1, int(rng.integers(1, 9)) + 1):
                for subject in subjects:
                    for quantity in SUBJECTS[subject]:
                        value, share = rng.uniform(0, 3, 2)
                        row = {"run_id": f"{dataset}/{variant}/seed{number}", "dataset": dataset, "variant": variant}
                        row |= {
                            "seed": number,
                            "epoch": epoch,
                            "layer": f"l{depth}",
                            "depth": depth,
                            "subject": subject,
                        }
                        row |= {"quantity": quantity, "value": value if rng.random() > 0.1 else None}
                        rows.append(row | {"relative": share if quantity in RELATIVE else None})
    return rows


def plainly(rows, epochs):
    """{(run, progress, part, quantity): value}, {(run, depth, quantity): value}: as `Dynamics` says."""
    runs = defaultdict(list)
    for row in rows:
        if row["run_id"] in epochs:
            runs[row["run_id"]].append(row)
    by_epoch, by_layer = {}, {}
    for run_id, own in runs.items():
        layers = max(row["depth"] for row in own)
        seen = defaultdict(list)
        for row in own:
            shown = row["relative"] if row["quantity"] in RELATIVE else row["value"]
            if shown is not None and row["quantity"] != "gradient_norm":
                seen[row["epoch"], row["depth"], row["quantity"]].append(shown)
        parts = defaultdict(list)
        for (epoch, depth, quantity), values in seen.items():
            place = (depth - 1) / max(1, layers - 1)
            if quantity == "sharpness":
                parts[epoch, "all", quantity].append(fmean(values))
            elif quantity == "entropy":
                parts[epoch, dynamics.PARTS[min(2, math.floor(place * 3))], quantity].append(fmean(values))
            if epoch == epochs[run_id] and quantity != "sharpness":
                by_layer[run_id, place, quantity] = fmean(values)
        for (epoch, part, quantity), values in parts.items():
            value = math.hypot(*values) if quantity == "sharpness" else fmean(values)
            by_epoch[run_id, epoch / epochs[run_id], part, quantity] = value
    return by_epoch, by_layer


@pytest.mark.parametrize("cut", ["one", "runs", "anywhere", "shuffled"])
def test_as_a_plain_reduction(tmp_path, cut, monkeypatch):
    monkeypatch.setattr(dynamics_cells, "_PORTION", 200)
    rows = table()
    if cut == "shuffled":
        rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    groups = {"one": len(rows), "runs": None, "anywhere": 97, "shuffled": 50}[cut]
    whole = records.to_table("diagnostics", rows)
    path = tmp_path / "diagnostics.parquet"
    with pq.ParquetWriter(path, whole.schema) as writer:
        names = whole.column("run_id")
        for name in names.unique() if groups is None else [None]:
            writer.write_table(whole if name is None else whole.filter(pa.compute.equal(names, name)), groups)
    epochs = {row["run_id"]: 8 for row in rows if (row["dataset"], row["seed"]) != ("a", 7)} | {"unseen": 8}
    found = dynamics.reduce(path, epochs, {"a": "classification", "b/c": "timeseries"})
    by_epoch, by_layer = plainly(rows, epochs)
    for frame, places, expected in (
        (found.by_epoch, ["progress", "part"], by_epoch),
        (found.by_layer, ["depth"], by_layer),
    ):
        got = {}
        for row in frame.to_dict("records"):
            run_id = f"{row['dataset']}/{row['variant']}/seed{row['seed']}"
            got[run_id, *(row[place] for place in places), row["quantity"]] = row["value"]
        assert len(got) == len(frame) and got == pytest.approx(expected, rel=1e-12)
    assert set(found.by_epoch["task"][found.by_epoch["dataset"] == "a"]) == {"classification"}
