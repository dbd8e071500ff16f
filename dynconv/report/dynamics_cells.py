"""The diagnostics of every run, read in portions: one value a run, epoch, layer and quantity that the report shows.

The table has a row a run, epoch, layer, subject and quantity, which may be millions.  Of each portion only what is
shown stays in memory, as numbers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Shown are shares of what is possible, where there is a most; and a norm over all layers together.
RELATIVE = ("entropy", "usage_entropy", "information")
NORM = "sharpness"
TRACED = ("entropy", NORM)  # over the training
LAYERED = (*RELATIVE, "example_share", "variation", "effective_rank")  # by layer, at the end
QUANTITY = pd.CategoricalDtype([*LAYERED, NORM])
KEYS = ["dataset", "variant", "seed"]
_STRINGS = "run_id", "dataset", "variant", "quantity"
_COLUMNS = [*_STRINGS, "seed", "epoch", "depth", "value", "relative"]
_PORTION = 500_000  # rows that are read at a time, at least


def codes(names: tuple[str, ...]) -> list[int]:
    """The places of quantities in `QUANTITY`."""
    return [int(QUANTITY.categories.get_loc(name)) for name in names]


class Cells:
    """What a table of diagnostics holds of the runs in `epochs`, which says for how many epochs each was trained.

    runs: their keys, in the order in which the table names them; a run's place in it is its number.
    lengths: float [runs], the epochs of each.
    values: a frame with columns run (number), epoch, depth (counted from 1), quantity (place in `QUANTITY`) and value:
        shares of the possible, averaged over the attentions of a layer.  Quantities that are not `TRACED` are there
        after the last epoch only.
    """

    def __init__(self, path: Path, epochs: Mapping[str, float]):
        self._numbers: dict[str, int] = {}
        self._deepest = np.zeros(0, np.int64)
        keys: list[pd.DataFrame] = []
        rows: list[pd.DataFrame] = []
        with pq.ParquetFile(path, read_dictionary=[*_STRINGS]) as file:
            for groups in _portions(file.metadata):
                portion = _numbers_of(file.read_row_groups(groups, columns=_COLUMNS), self._numbers, epochs)
                new = portion["run"] >= len(self._deepest)
                first = portion[new].drop_duplicates("run")
                keys.append(first[KEYS].astype({"dataset": str, "variant": str}))
                self._deepest = np.append(self._deepest, np.zeros(len(self._numbers) - len(self._deepest), np.int64))
                deep = portion.groupby("run")["depth"].max()
                self._deepest[deep.index] = np.maximum(self._deepest[deep.index], deep)
                self.lengths = np.array([epochs[run_id] for run_id in self._numbers], float)
                rows.append(self._shown(portion))
        self.runs = pd.concat(keys, ignore_index=True) if keys else pd.DataFrame(columns=KEYS)
        grouped = pd.concat(rows).groupby(["run", "epoch", "depth", "quantity"], as_index=False) if rows else None
        self.values = pd.DataFrame() if grouped is None else grouped["value"].mean()

    def depth(self, values: pd.DataFrame) -> pd.Series:
        """Of rows of `values` the place of the layer, from 0 (the first) to 1 (the last)."""
        return (values["depth"] - 1) / np.maximum(1, self._deepest[values["run"]] - 1)

    def _shown(self, portion: pd.DataFrame) -> pd.DataFrame:
        ended = portion["epoch"] == self.lengths[portion["run"]]
        layered, traced = (portion["quantity"].isin(codes(names)) for names in (LAYERED, TRACED))
        own = portion["relative"].where(portion["quantity"].isin(codes(RELATIVE)), portion["value"])
        kept = (traced | (layered & ended)) & own.notna() & portion["depth"].notna()
        return portion.assign(value=own).loc[kept, ["run", "epoch", "depth", "quantity", "value"]]


def _portions(metadata: pq.FileMetaData) -> Iterator[list[int]]:
    """Row groups to be read together: a file may have one for each of thousands of runs."""
    groups: list[int] = []
    rows = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        rows += metadata.row_group(group).num_rows
        if rows >= _PORTION:
            yield groups
            groups, rows = [], 0
    if groups:
        yield groups


def _numbers_of(table: pa.Table, numbers: dict[str, int], epochs: Mapping[str, float]) -> pd.DataFrame:
    """The rows of the runs in `epochs`: `run` is its number, which `numbers` learns, and `quantity` its code or -1."""
    frame = table.drop_columns(["run_id", "quantity"]).to_pandas()
    run_codes, run_ids = _dictionary(table.column("run_id"))
    for place in pd.unique(run_codes):
        if run_ids[place] in epochs:
            numbers.setdefault(run_ids[place], len(numbers))
    of_run = np.array([numbers.get(run_id, -1) for run_id in run_ids], np.int64)
    quantity_codes, quantities = _dictionary(table.column("quantity"))
    of_quantity = QUANTITY.categories.get_indexer(pd.Index(quantities, dtype=object))
    frame = frame.assign(run=of_run[run_codes], quantity=of_quantity[quantity_codes].astype(np.int8))
    return frame[frame["run"] >= 0]


def _dictionary(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes [rows], and what they stand for."""
    whole = column.unify_dictionaries().combine_chunks()
    return whole.indices.to_numpy(), whole.dictionary.to_pylist()
