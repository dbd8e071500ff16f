"""The one form in which results are analysed: a row a task, dataset, variant and seed, checked."""

import numpy as np
import pandas as pd

from dynconv.errors import DynconvError, valid

COLUMNS = ["task", "metric", "dataset", "variant", "seed", "value"]
KEYS = ["task", "dataset", "variant", "seed"]
PERCENT = 100.0
MAGNITUDES = (1e-50, 1e50)  # of values other than 0: well beyond, squares of variances overflow or vanish


def check(frame: pd.DataFrame, source: str, *, lower_is_better: bool = False) -> pd.DataFrame:
    """Return `frame` with `COLUMNS` only, sorted by its keys; a NaN value is a failed run.

    Raises:
        DynconvError: missing column, no rows, infinite value or one beyond `MAGNITUDES`, repeated key, a task with
            several metrics, or (unless `lower_is_better`) fractions beside percentages in one task; names `source`.
    """
    for column in COLUMNS:
        if column not in frame.columns:
            raise DynconvError(f"{source}: column {column!r} is missing; {valid(COLUMNS)}")
    frame = frame[COLUMNS].sort_values(KEYS, kind="stable", ignore_index=True)
    if frame.empty:
        raise DynconvError(f"{source}: the table has no rows; valid: one row a dataset, variant and seed")
    if not pd.api.types.is_numeric_dtype(frame["value"]):
        raise DynconvError(f"{source}: column 'value' is {frame['value'].dtype}; valid: numbers")
    infinite = frame[np.isinf(frame["value"])]
    if len(infinite):
        raise DynconvError(f"{source}: column 'value': infinite at {_where(infinite)}; valid: a finite number or empty")
    size, (least, most) = frame["value"].abs(), MAGNITUDES
    beyond = frame[(size > most) | ((size > 0) & (size < least))]
    if len(beyond):
        got = f"{beyond['value'].iloc[0]:g} at {_where(beyond)}"
        raise DynconvError(
            f"{source}: column 'value': {got} cannot be computed with; valid: 0, or a size from {least:g} to {most:g}"
        )
    for task, rows in frame.groupby("task"):
        metrics = rows["metric"].unique()
        if len(metrics) > 1:
            raise DynconvError(f"{source}: task {task!r} has several metrics, choose one; {valid(metrics)}")
        repeated = rows[rows.duplicated(KEYS)]
        if len(repeated):
            raise DynconvError(
                f"{source}: {_where(repeated)} stands more than once; valid: one row a task, dataset, variant and seed"
            )
        if not lower_is_better:
            _check_scale(rows, f"{source}: column 'value': task {task!r}")
    return frame


def _check_scale(rows: pd.DataFrame, where: str) -> None:
    """Scores in [0, 100] that leave (1, 1.5] empty but lie on both sides of it are fractions beside percentages."""
    values = rows["value"].dropna()
    high = rows[rows["value"] > 1.5]
    one_scale = high.empty or not (values <= 1).any() or ((values > 1) & (values <= 1.5)).any()
    if not one_scale and values.between(0, PERCENT).all():
        raise DynconvError(
            f"{where} mixes fractions and percentages ({_where(high)}); valid: fractions (0-1) throughout"
        )


def _where(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"dataset {first['dataset']!r}, variant {first['variant']!r}, seed {first['seed']}"
