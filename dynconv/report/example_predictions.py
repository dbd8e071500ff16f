"""What runs predicted for a few test examples: read from tables of millions of rows, of which few are wanted."""

import io
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dynconv.data import VOID
from dynconv.errors import DynconvError
from dynconv.report.results import PATHS, Results

Ids = dict[str, list[int]]  # of each dataset the examples that are wanted
_BATCH = 1 << 16  # rows that are looked through at a time


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
    """These columns of the rows of the examples `ids`; row groups of other datasets, or other runs, are not read."""
    if not ids or name not in results.rows:
        return pd.DataFrame(columns=columns)
    path = results.folder / PATHS[name]
    key, wanted = ("dataset", sorted(ids)) if runs is None else ("run_id", sorted(set(runs)))
    examples = pa.array(sorted({example for of in ids.values() for example in of}))
    try:
        file = pq.ParquetFile(path, read_dictionary=["dataset", "variant"])  # a run's are all the same
        size = _BATCH if "confusion" not in columns else _BATCH >> 8  # a matrix is hundreds of numbers
        batches = file.iter_batches(size, row_groups=_groups(file.metadata, key, wanted), columns=columns)
        found = [b.filter(pc.is_in(b.column("example_id"), examples)).select(columns) for b in batches]
        schema = pa.schema([file.schema_arrow.field(column) for column in columns])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DynconvError(f"{path}: not readable as table {name!r}: {' '.join(str(error).split())[:200]}") from None
    frame = pa.Table.from_batches(found, schema).to_pandas().astype({"dataset": object, "variant": object})
    pairs = zip(frame["dataset"], frame["example_id"], strict=True)
    kept = frame[np.array([example in ids.get(dataset, ()) for dataset, example in pairs], dtype=bool)]
    return kept if runs is None else kept[kept["run_id"].isin(wanted)]


def _groups(metadata: pq.FileMetaData, key: str, wanted: list[str]) -> list[int]:
    """The row groups that may hold one of the values `wanted` (sorted) of the column `key`, by their statistics."""
    first = metadata.row_group(0) if metadata.num_row_groups else None
    paths = [first.column(n).path_in_schema for n in range(metadata.num_columns)] if first else []
    place = paths.index(key) if key in paths else None
    found = []
    for number in range(metadata.num_row_groups):
        known = None if place is None else metadata.row_group(number).column(place).statistics
        if known is None or not known.has_min_max or bisect_left(wanted, known.min) < bisect_right(wanted, known.max):
            found.append(number)
    return found
