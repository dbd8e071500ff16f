"""What runs predicted for a few test examples: read from tables of millions of rows, of which few are wanted."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import isqrt
from operator import or_
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from dynconv.data import VOID
from dynconv.errors import DynconvError
from dynconv.report.results import PATHS, Results

Ids = dict[str, list[int]]  # of each dataset the examples that are wanted


@dataclass(frozen=True)
class Voted:
    """The class that most runs of a variant predicted for an example; of equally many, the more confident."""

    prediction: int
    agreed: int  # runs that predicted it ...
    seeds: int  # ... of so many
    confidence: float | None  # mean of those that predicted it


@dataclass(frozen=True)
class Segmented:
    """How well one run segmented an image: `iou`, the mean over the classes that it shows or was said to show."""

    run_id: str
    seed: int
    iou: float | None  # None: no pixel counts


@dataclass(frozen=True)
class Mask:
    """A row of `masks`: `values` uint8 [H, W], from 0 to `levels`, or 255 where nothing counts."""

    run_id: str
    levels: int
    values: np.ndarray

    def present(self) -> list[int]:
        """The values that occur, the most frequent first."""
        areas = np.bincount(self.values[self.values != VOID])
        return [int(label) for label in np.argsort(-areas, kind="stable") if areas[label]]


def voted(results: Results, ids: Ids) -> dict[tuple[str, str, int], Voted]:
    """By dataset, variant and example what the runs predicted; nothing where none keeps its predictions."""
    frame = _read(results, "predictions", ["dataset", "variant", "example_id", "prediction", "confidence"], ids)
    frame = frame.dropna(subset="prediction")
    keys = ["dataset", "variant", "example_id"]
    groups = frame.groupby([*keys, "prediction"], as_index=False)["confidence"].agg(["size", "mean"])
    groups["seeds"] = groups.groupby(keys)["size"].transform("sum")
    # The last of a key is the one that most agree on.
    groups = groups.sort_values([*keys, "size", "mean", "prediction"], na_position="first", kind="stable")
    return {
        (row["dataset"], row["variant"], row["example_id"]): Voted(
            int(row["prediction"]),
            int(row["size"]),
            int(row["seeds"]),
            None if pd.isna(row["mean"]) else float(row["mean"]),
        )
        for row in groups.drop_duplicates(keys, keep="last").to_dict("records")
    }


def segmented(
    results: Results, ids: Ids, masks: dict[tuple[str, str, int, str], Mask]
) -> dict[tuple[str, str, int], Segmented]:
    """By dataset, variant and example how well the run did whose masks there are, else the first that ended well."""
    ok = results.ok[results.ok["dataset"].isin(ids)].sort_values("seed").drop_duplicates(["dataset", "variant"])
    runs = {(row["dataset"], row["variant"]): row["run_id"] for row in ok.to_dict("records")}
    runs |= {key[:2]: mask.run_id for key, mask in masks.items() if key[0] in ids and key[3] == "mask"}
    columns = ["run_id", "dataset", "variant", "seed", "example_id", "confusion"]
    frame = _read(results, "predictions", columns, ids, runs.values())
    return {
        (row["dataset"], row["variant"], row["example_id"]): Segmented(
            row["run_id"], row["seed"], _iou(np.asarray(row["confusion"]))
        )
        for row in frame.dropna(subset="confusion").to_dict("records")
    }


def masks(results: Results, ids: Ids) -> dict[tuple[str, str, int, str], Mask]:
    """By dataset, variant, example and kind the masks of the first seed that has some.

    Raises:
        DynconvError: a picture is not readable.
    """
    columns = ["run_id", "dataset", "variant", "seed", "example_id", "kind", "levels", "content"]
    frame = _read(results, "masks", columns, ids).sort_values("seed", kind="stable")
    first = frame.drop_duplicates(["dataset", "variant", "example_id", "kind"])
    return {
        (row["dataset"], row["variant"], row["example_id"], row["kind"]): Mask(
            row["run_id"], int(row["levels"]), _decoded(row, results)
        )
        for row in first.to_dict("records")
    }


def _iou(confusion: np.ndarray) -> float | None:
    counts = confusion.reshape(isqrt(confusion.size), -1)
    hits = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - hits
    return float((hits[union > 0] / union[union > 0]).mean()) if union.any() else None


def _decoded(row: dict[str, Any], results: Results) -> np.ndarray:
    from PIL import Image

    try:
        return np.asarray(Image.open(io.BytesIO(row["content"])).convert("L"))
    except (OSError, TypeError, Image.DecompressionBombError) as error:
        where = results.folder / PATHS["masks"]
        name = f"{row['run_id']}, example {row['example_id']}, {row['kind']}"
        raise DynconvError(f"{where}: {name}: not a readable PNG: {error}") from None


def _read(results: Results, name: str, columns: list[str], ids: Ids, runs: Iterable[str] | None = None) -> pd.DataFrame:
    """These columns of the rows of the examples `ids`; row groups of other datasets or runs are not read."""
    if not ids or name not in results.rows:
        return pd.DataFrame(columns=columns)
    of_dataset = ((ds.field("dataset") == dataset) & ds.field("example_id").isin(of) for dataset, of in ids.items())
    wanted = reduce(or_, of_dataset)
    if runs is not None:
        wanted &= ds.field("run_id").isin(sorted(set(runs)))
    path = results.folder / PATHS[name]
    try:
        return ds.dataset(path, format="parquet").to_table(columns=columns, filter=wanted).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DynconvError(f"{path}: not readable as table {name!r}: {' '.join(str(error).split())[:200]}") from None
