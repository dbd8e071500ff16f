"""The plain way to a page of the same tables: pandas' `to_html` and a pyplot figure a dataset.

python benchmarks/report/peer.py RESULTS OUT.html
"""

import io
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
import pandas as pd

TABLES = ("means", "ranks", "omnibus", "pairwise", "crosstask")  # of the statistics, those whose rows the report shows


def main() -> None:
    results, out = Path(sys.argv[1]), Path(sys.argv[2])
    runs, metrics, profile = (
        pd.read_parquet(results / f"tables/{name}.parquet") for name in ("runs", "metrics", "profile")
    )
    ok = runs[runs["status"] == "ok"]
    frames = {name: pd.read_parquet(results / f"stats/{name}.parquet") for name in TABLES}
    costs = ["params", "macs", "macs_theoretical", "train_s", "peak_memory_bytes"]
    frames["costs"] = ok.groupby(["dataset", "variant"])[costs].mean().reset_index()
    frames["profile"] = profile
    frames["failed"] = runs.loc[runs["status"] != "ok", ["run_id", "attempt", "failure", "hostname", "slurm_job_id"]]
    parts = [f"<h2>{name}</h2>{frame.to_html(index=False)}" for name, frame in frames.items()]
    loss = metrics[(metrics["split"] == "train") & (metrics["metric"] == "loss")]
    parts += [curves(str(dataset), own) for dataset, own in loss.groupby("dataset")]
    out.write_text(f"<!doctype html><meta charset=utf-8><title>peer</title>{''.join(parts)}", encoding="utf-8")


def curves(dataset: str, own: pd.DataFrame) -> str:
    """Mean, least and greatest loss over seeds, a line a variant."""
    figure, axes = plt.subplots(figsize=(6, 3))
    for variant, rows in own.groupby("variant"):
        band = rows.groupby("epoch")["value"].agg(["mean", "min", "max"])
        axes.plot(band.index, band["mean"], label=variant)
        axes.fill_between(band.index, band["min"], band["max"], alpha=0.2)
    axes.set(title=dataset, xlabel="epoch", ylabel="loss")
    axes.legend(fontsize=6)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    plt.close(figure)
    return text.getvalue().partition("?>")[2]


if __name__ == "__main__":
    main()
