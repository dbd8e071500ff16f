"""Quality against cost: which variants nothing beats in both, and how surely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dynconv.errors import DynconvError, valid
from dynconv.stats.draws import named
from dynconv.stats.means import rounded, seed_means, spread, tied

COLUMNS = ("dataset", "variant", "cost", "value", "hardware")
_NOT_KNOWN = dict.fromkeys(
    (
        *("quality", "quality_ci_low", "quality_ci_high", "cost_mean", "cost_ratio", "cost_ratio_ci_low"),
        *("cost_ratio_ci_high", "on_front", "p_on_front", "hardware"),
    )
)


@dataclass(frozen=True)
class _Measured:
    """One cost: the means of its measurements [variants, datasets], what measured it [datasets], and all of them.

    NaN and "" where not every variant was measured, or not on the same hardware.  `single` are the measurements of each
    variant where there is one dataset, else empty.
    """

    means: np.ndarray
    hardware: list[str]
    single: list[np.ndarray]


def rows(
    values: np.ndarray,
    variants: Sequence[str],
    datasets: Sequence[str],
    costs: pd.DataFrame,
    *,
    control: str,
    alpha: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of the table `pareto`, without task and metric: a row a variant and cost, for the costs in `costs`.

    Measurements of a cell (dataset and variant) are averaged first.  A dataset counts for a cost if every variant has
    quality and cost there, all on the same hardware; where several machines measured every variant, the one with most
    measurements is taken (then the first by name).  A variant without any quality, or without any cost above 0,
    cannot be placed: its row is empty with coverage 0, and it does not take the datasets from the others.

    Intervals are Student's over datasets, of the logarithm for ratios; the scatter between datasets holds that of their
    seeds.  With one dataset they are over its seeds, and over its measurements (Welch, delta method for the logarithm);
    null where there is a single one.  A cost that does not vary has an interval of no width.

    `p_on_front` draws datasets with replacement, quality and cost of all variants together, or with one dataset its
    seeds and its measurements, each variant by itself.  It is null where a variant has nothing to draw from: one seed
    of the one dataset, or only one of several datasets in use.

    Args:
        values: [variants, datasets, seeds] of the quality, higher is better, NaN where there is no run.
        variants: names of the first axis.
        datasets: names of the second axis.
        costs: dataset, variant, cost, value, hardware (null: does not depend on it), as `dynconv.stats.costs.read`
            returns; rows of other datasets and variants are passed over.
        control: variant whose cost is 1 in `cost_ratio`.
        alpha: intervals have confidence 1 - alpha.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same numbers, whatever the order of the rows.

    Raises:
        DynconvError: a column of `costs` is missing, or the control is not a variant.
    """
    for column in COLUMNS:
        if column not in costs.columns:
            raise DynconvError(f"costs: column {column!r} is missing; {valid(COLUMNS)}")
    if control not in variants:
        raise DynconvError(f"pareto: control {control!r} is not a variant; {valid(variants)}")
    known = costs[costs["variant"].isin(list(variants)) & costs["dataset"].isin(list(datasets))]
    quality = seed_means(values)
    found = []
    for cost, rows_of_cost in known.groupby("cost", sort=True):
        amount = rows_of_cost["value"].astype(float)
        usable = rows_of_cost.assign(value=amount)[np.isfinite(amount) & (amount > 0)]
        names = set(usable["variant"])
        placed = np.array([name in names for name in variants]) & ~np.isnan(quality).all(axis=1)
        inside = [name for name, is_placed in zip(variants, placed, strict=True) if is_placed]
        measured = _measure(usable, inside, list(datasets))
        use = ~np.isnan(quality[placed]).any(axis=0) & ~np.isnan(measured.means).any(axis=0)
        table = _table(values[placed][:, use], inside, measured, use, str(cost), control, alpha, (resamples, seed))
        for name in variants:
            row = table.get(name, _NOT_KNOWN | {"n_datasets": 0, "coverage": 0.0})
            found.append({"variant": name, "cost": cost} | row)
    return sorted(found, key=lambda row: (row["variant"], row["cost"]))


def _measure(usable: pd.DataFrame, variants: list[str], datasets: list[str]) -> _Measured:
    """Means of each cell on hardware that measured every variant."""
    usable = usable[usable["variant"].isin(variants)]
    known = usable["hardware"].notna().to_numpy()
    machines, h = np.unique(np.where(known, usable["hardware"].astype(str), ""), return_inverse=True)
    d = pd.Index(datasets).get_indexer(usable["dataset"])
    v = pd.Index(variants).get_indexer(usable["variant"])
    value = usable["value"].to_numpy(float)
    shape = (len(variants), len(datasets), len(machines))
    cell = np.ravel_multi_index((v, d, h), shape)
    order = np.lexsort((value, cell))  # sums in another order differ in the last bits
    size = math.prod(shape)
    count = np.bincount(cell, minlength=size).reshape(shape)
    sums = np.bincount(cell[order], value[order], minlength=size).reshape(shape)
    together = np.where((count > 0).all(axis=0), count.sum(axis=0), 0)  # [datasets, machines]
    means, names, single = np.full(shape[:2], np.nan), [""] * len(datasets), []
    if len(machines):
        best = together.argmax(axis=1)  # the first by name among equals
        for place in np.flatnonzero(together.max(axis=1)):
            machine = best[place]
            names[place] = str(machines[machine])
            means[:, place] = sums[:, place, machine] / count[:, place, machine]
        if len(datasets) == 1 and names[0] == str(machines[best[0]]):
            single = [np.sort(value[(v == one) & (h == best[0])]) for one in range(len(variants))]
    return _Measured(means, names, single)


def _table(
    values: np.ndarray,
    variants: list[str],
    measured: _Measured,
    use: np.ndarray,
    cost: str,
    control: str,
    alpha: float,
    bootstrap: tuple[int, int],
) -> dict[str, dict[str, Any]]:
    """Rows by variant, of `values` [variants, datasets in use, seeds]; empty rows where no dataset is in use."""
    n = int(use.sum())
    counts = {"n_datasets": n, "coverage": n / len(use)}
    if n == 0 or not variants:
        return dict.fromkeys(variants, _NOT_KNOWN | counts)
    means, logs = seed_means(values), np.log(measured.means[:, use])
    one = bool(measured.single)
    if one:
        _, *ends = (bound[:, 0] for bound in spread(values, alpha))
        quality, costs = _redrawn_runs(values[:, 0], measured.single, variants, cost, *bootstrap)
    else:
        ends = list(_student(means, alpha))
        quality, costs = _redrawn_datasets(means, logs, *bootstrap)
    base = variants.index(control) if control in variants else None
    front = on_front(means.mean(axis=1), logs.mean(axis=1))
    share = on_front(quality, costs).mean(axis=0)
    drawable = n > 1 or (one and (~np.isnan(values[:, 0])).sum(axis=1).min() > 1)
    hardware = "; ".join(sorted({name for name, used in zip(measured.hardware, use, strict=True) if used and name}))
    table = {}
    for v, name in enumerate(variants):
        row = dict(_NOT_KNOWN) | counts
        row |= {"quality": float(tied(means.mean(axis=1))[v]), "hardware": hardware or None}
        row |= {"quality_ci_low": _known(ends[0][v]), "quality_ci_high": _known(ends[1][v])}
        row |= {"cost_mean": math.exp(logs[v].mean()), "on_front": bool(front[v])}
        row["p_on_front"] = float(share[v]) if drawable else None
        if base is not None:
            ratio = logs[v] - logs[base]
            if v == base:
                low = high = 0.0
            elif one:
                low, high = _welch(measured.single[v], measured.single[base], alpha)
            else:
                low, high = (float(end[0]) for end in _student(ratio[None], alpha))
            row["cost_ratio"] = math.exp(ratio.mean())
            row["cost_ratio_ci_low"], row["cost_ratio_ci_high"] = _known(np.exp(low)), _known(np.exp(high))
        table[name] = row
    return table


def on_front(quality: np.ndarray, log_cost: np.ndarray) -> np.ndarray:
    """Which variants no other one beats: at least as good and as cheap, and better in one; [..., variants] -> bool.

    `log_cost` are logarithms of costs.  Both are compared to 12 digits, so that equal results and equal costs tie.
    """
    quality = rounded(quality, np.broadcast_to(np.abs(quality).max(axis=-1, keepdims=True), quality.shape))
    log_cost = np.round(log_cost, 12)
    front = np.empty(quality.shape, bool)
    for v in range(quality.shape[-1]):
        q, c = quality[..., [v]], log_cost[..., [v]]
        beaten = (quality >= q) & (log_cost <= c) & ((quality > q) | (log_cost < c))
        front[..., v] = ~beaten.any(axis=-1)
    return front


def _redrawn_datasets(means: np.ndarray, logs: np.ndarray, resamples: int, seed: int) -> list[np.ndarray]:
    """Quality and mean log cost [resamples, variants] over datasets drawn with replacement."""
    n = means.shape[1]
    times = named(seed, n).multinomial(n, np.full(n, 1 / n), size=resamples)
    return [_widened(times @ values.T / n, values.mean(axis=1), n) for values in (means, logs)]


def _redrawn_runs(
    values: np.ndarray, measured: list[np.ndarray], variants: list[str], cost: str, resamples: int, seed: int
) -> list[np.ndarray]:
    """Quality and log cost [resamples, variants] of one dataset, its seeds and measurements drawn with replacement."""

    def redraw(sample: np.ndarray, *names: str) -> np.ndarray:
        rng = named(seed, *names)
        n = len(sample)
        return _widened(rng.multinomial(n, np.full(n, 1 / n), size=resamples) @ sample / n, sample.mean(), n)

    quality = [redraw(row[~np.isnan(row)], name) for row, name in zip(values, variants, strict=True)]
    costs = [redraw(np.log(sample), name, cost) for sample, name in zip(measured, variants, strict=True)]
    return [np.stack(quality, axis=1), np.stack(costs, axis=1)]


def _widened(drawn: np.ndarray, centre: np.ndarray | float, n: int) -> np.ndarray:
    """Undo that means of n draws with replacement scatter too little, by (n - 1) / n in variance."""
    return centre + math.sqrt(n / max(1, n - 1)) * (drawn - centre)


def _student(values: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Student's interval of the mean over the last axis, of [variants, datasets]; NaN for a single dataset."""
    _, low, high = spread(values, alpha)
    return low, high


def _welch(a: np.ndarray, b: np.ndarray, alpha: float) -> tuple[float, float]:
    """Welch's interval of log(mean a / mean b); NaN with a single measurement of either."""
    if min(len(a), len(b)) < 2:
        return math.nan, math.nan
    centre = math.log(a.mean() / b.mean())
    parts = np.array([np.var(x, ddof=1) / len(x) / x.mean() ** 2 for x in (a, b)])
    if parts.sum() <= 1e-24:  # last bits of the means
        return centre, centre
    freedom = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
    half = float(stats.t.ppf(1 - alpha / 2, freedom) * np.sqrt(parts.sum()))
    return centre - half, centre + half


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
