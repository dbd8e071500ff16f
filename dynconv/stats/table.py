"""Read results from a file: anyone's table of scores, or this project's `runs`."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from dynconv.errors import DynconvError, valid
from dynconv.stats import tidy
from dynconv.study import PRIMARY_METRIC
from dynconv.tables import METRICS

REQUIRED = ["dataset", "variant", "value"]
OPTIONAL = ["seed", "metric", "task", "group"]
SEPARATORS = ";\t|"  # with which a table that is called .csv may come
LONG = "valid: the columns dataset, variant and value, with a row for each dataset and variant"
ONLY_TASK = "all"  # task of a table that names none
ONLY_METRIC = "value"  # metric of a table that names none
MOST_SEED = 2**53 - 1  # larger integers are not all floats, as which a column with gaps is read
NO_VALUE = {"", "nan", "na", "n/a", "null", "none"}  # how people write "this run has no result"

Metric = str | Mapping[str, str] | None


def load(path: str | os.PathLike, *, metric: Metric = None, lower_is_better: bool = False) -> pd.DataFrame:
    """Read a Parquet or CSV table into one tidy frame: task, metric, dataset, variant, seed, value.

    Two forms are read.  Anyone's table has the columns `dataset`, `variant`, `value` and optionally `seed` (default 0),
    `metric` and `task`.  This project's `runs` has `run_id` and `status`; its value is the metric column of the task.
    A failed run has the value NaN, whatever number stands in its row.  `attrs` of the frame hold `source`, `runs` (is
    it this project's?), `made_under` (runs by the digest of their analysis plan and study) and, of anyone's table with
    a column `group`, `groups`: the kind of each dataset.

    Args:
        path: a `.parquet` or `.csv` file.
        metric: the metric to analyse: one name for every task, or a mapping of tasks to names, of which other people's
            tables use those that they have.  Default: the primary metric of each task for `runs`, the only metric of
            the task for other tables.
        lower_is_better: the values are errors, losses or times, so no percentage is suspected among them.

    Raises:
        DynconvError: the file cannot be read or is not such a table; one line with file, column and valid values.
    """
    source = str(path)
    raw = _read(Path(path))
    _readable(raw, source)
    runs = {"run_id", "status"} <= set(raw.columns) and "value" not in raw.columns
    frame = _runs(raw, metric, source) if runs else _scores(raw, metric, source)
    if runs and not lower_is_better and (frame["metric"] == "loss").any():
        raise DynconvError(f"{source}: metric 'loss' is better when lower; valid: lower_is_better with it")
    frame = tidy.check(frame, source, lower_is_better=lower_is_better)
    frame.attrs |= {"source": source, "runs": runs, "made_under": {}}
    if runs:
        frame.attrs["made_under"] = {name: _counts(raw, name) for name in ("plan_hash", "study_hash")}
    elif "group" in raw.columns:
        frame.attrs["groups"] = _groups(raw, source)
    return frame


def _counts(raw: pd.DataFrame, column: str) -> dict[str, int]:
    said = raw[column] if column in raw.columns else pd.Series(None, index=raw.index, dtype=object)
    return said.astype(object).where(said.notna(), "").map(str).value_counts().to_dict()


def _groups(raw: pd.DataFrame, source: str) -> dict[str, str]:
    """The group of each dataset: DynconvError where a dataset has two."""
    pairs = pd.DataFrame({name: _names(raw, name, source) for name in ("dataset", "group")}).drop_duplicates()
    if len(twice := pairs[pairs["dataset"].duplicated()]):
        name = twice["dataset"].iloc[0]
        raise DynconvError(f"{source}: column 'group': dataset {name!r} is in several; valid: one group a dataset")
    return dict(zip(pairs["dataset"], pairs["group"], strict=True))


def _read(path: Path) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise DynconvError(f"{path}: unknown kind of table {path.suffix!r}; {valid(['.parquet', '.csv'])}")
    if not path.is_file():
        raise DynconvError(f"{path}: no such file; valid: a .parquet or .csv table")
    try:
        if suffix == ".parquet":
            frame = pd.read_parquet(path)  # which turns columns that were a pandas index into one again
            index = [name for name in frame.index.names if name is not None and name not in frame.columns]
            return (frame.reset_index(index) if index else frame).reset_index(drop=True)
        # As text: a dataset may be called NA or None, and pandas would read it as missing.
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", on_bad_lines="error")
    except (OSError, ValueError) as error:  # Arrow's and pandas' parse errors are ValueErrors
        detail = " ".join(str(error).split())[:200]
        raise DynconvError(f"{path}: not a readable {suffix[1:]} table: {detail}") from None


def _readable(raw: pd.DataFrame, source: str) -> None:
    """DynconvError where the header shows that the columns are not what they seem."""
    names = list(map(str, raw.columns))
    for name in (*REQUIRED, *OPTIONAL):
        if names.count(name) > 1 or (name in names and f"{name}.1" in names):  # as pandas calls a CSV file's second
            raise DynconvError(f"{source}: column {name!r} stands twice; valid: each column once")
    if len(names) == 1 and (found := [mark for mark in SEPARATORS if mark in names[0]]):
        raise DynconvError(f"{source}: the columns are separated by {found[0]!r}; valid: by commas")


def _scores(raw: pd.DataFrame, metric: Metric, source: str) -> pd.DataFrame:
    """Rows of anyone's table."""
    _need(raw, REQUIRED, source, LONG)
    frame = pd.DataFrame({"dataset": _names(raw, "dataset", source), "variant": _names(raw, "variant", source)})
    frame["task"] = _names(raw, "task", source) if "task" in raw.columns else ONLY_TASK
    frame["seed"] = _seeds(raw, source) if "seed" in raw.columns else 0
    frame["value"] = _numbers(raw, "value", source)
    if "metric" not in raw.columns:
        if isinstance(metric, str):
            raise DynconvError(f"{source}: metric {metric!r} was asked for but there is no column 'metric'")
        return frame.assign(metric=ONLY_METRIC)
    frame["metric"] = _names(raw, "metric", source)
    chosen = []
    for task, rows in frame.groupby("task"):
        wanted, known = _wanted(metric, str(task)), rows["metric"].unique()
        if isinstance(metric, str) and metric not in known:
            raise DynconvError(f"{source}: column 'metric': no {metric!r} in task {task!r}; {valid(known)}")
        chosen.append(rows[rows["metric"] == wanted] if wanted in known else rows)
    return pd.concat(chosen) if chosen else frame


def _runs(raw: pd.DataFrame, metric: Metric, source: str) -> pd.DataFrame:
    """Rows of this project's `runs`: the value is the task's metric, none for a failed run."""
    needed = ["task", "dataset", "variant", "seed"]
    _need(raw, needed, source, valid(needed))
    names = {column: _names(raw, column, source) for column in ("task", "dataset", "variant", "status")}
    frame = pd.DataFrame(names).assign(seed=_seeds(raw, source), value=np.nan, metric="")
    unknown = sorted(set(frame["status"]) - {"ok", "failed"})
    if unknown:
        raise DynconvError(f"{source}: column 'status': unknown {unknown[0]!r}; {valid(['ok', 'failed'])}")
    for task in sorted(set(frame["task"])):
        column = _wanted(metric, task) or PRIMARY_METRIC.get(task, "accuracy")
        rows = frame["task"] == task
        ok = rows & (frame["status"] == "ok")
        metrics = {name: _numbers(raw, name, source) for name in (m.name for m in METRICS) if name in raw.columns}
        held = [name for name, values in metrics.items() if values[ok].notna().any()]
        if column not in metrics or (ok.any() and column not in held):
            raise DynconvError(f"{source}: task {task!r} has no values of metric {column!r}; {valid(held)}")
        frame.loc[ok, "value"] = metrics[column][ok]
        frame.loc[rows, "metric"] = column
    return frame


def _wanted(metric: Metric, task: str) -> str | None:
    return metric if metric is None or isinstance(metric, str) else metric.get(task)


def _need(raw: pd.DataFrame, columns: list[str], source: str, allowed: str) -> None:
    for column in columns:
        if column not in raw.columns:
            have = ", ".join(map(str, raw.columns)) or "none"
            raise DynconvError(f"{source}: column {column!r} is missing (has: {have}); {allowed}")


def _names(raw: pd.DataFrame, column: str, source: str) -> pd.Series:
    names = raw[column].astype(object).where(raw[column].notna(), "").map(str)
    empty = np.flatnonzero(names == "")
    if len(empty):
        raise DynconvError(f"{source}: column {column!r}: row {empty[0] + 1} is empty; valid: a name in every row")
    return names


def _numbers(
    raw: pd.DataFrame, column: str, source: str, allowed: str = "a number, or empty for a failed run"
) -> pd.Series:
    values = raw[column]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype(float)
    parsed = np.full(len(values), np.nan)
    for row, text in enumerate(values.astype(object).where(values.notna(), "").map(str)):
        if text.strip().lower() in NO_VALUE:
            continue
        try:
            parsed[row] = float(text)
        except ValueError:
            raise DynconvError(f"{source}: column {column!r}: row {row + 1} is {text!r}; valid: {allowed}") from None
    return pd.Series(parsed, index=raw.index)


def _seeds(raw: pd.DataFrame, source: str) -> pd.Series:
    allowed = "an integer below 2^53 in every row"
    seeds = _numbers(raw, "seed", source, allowed)
    wrong = np.flatnonzero(~np.isfinite(seeds) | (seeds != seeds.round()) | (seeds.abs() > MOST_SEED))
    if len(wrong):
        got = str(raw["seed"].iloc[wrong[0]])
        raise DynconvError(f"{source}: column 'seed': row {wrong[0] + 1} is {got!r}; valid: {allowed}")
    return seeds.astype(np.int64)
