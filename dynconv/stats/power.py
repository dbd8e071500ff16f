"""What a design can find, and what it would take: the power of the planned tests, from a pilot's scatter.

Power is given for differences chosen beforehand: the smallest that matters, and twice that.  Power at the difference
that the pilot happened to show is only its p-value in another form (Hoenig & Heisey 2001) and is not offered.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynconv.columns import columns
from dynconv.errors import DynconvError, valid
from dynconv.stats import floors
from dynconv.stats.detection import effect_needed, permutation_power, signed_rank_power, size_needed
from dynconv.stats.scatter import Scatter, normal, observed
from dynconv.stats.variance_components import Components, components

_MOST = 10**9  # seeds; a need beyond it is none
_LARGEST = 1e6  # standard deviations; a larger effect is found as surely, and its square may overflow


def rows(
    values: np.ndarray,
    variants: Sequence[str],
    families: Mapping[str, Sequence[tuple[str, str]]],
    *,
    rope: float,
    alpha: float,
    target: float = 0.8,
    effects: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table `power`, without task and metric: each pair of each family at each effect.

    The test is the one that decides: Wilcoxon's signed-rank over datasets, or the exact permutation test over seeds
    where `values` has one dataset; at alpha over the size of the family, which is what Holm asks of its smallest p.
    Seeds are taken as normal, and differences between datasets as well, or from 20 datasets on as scattered as the
    pilot shows (`dynconv.stats.scatter`).  `power` uses the estimated scatter; `power_low`, `detectable` and the
    numbers needed use the upper 80 % confidence limit of its standard deviation, since a pilot's estimate is too small
    half of the time (Browne 1995).

    Args:
        values: [variants, datasets, seeds] of the pilot, NaN where there is no run.
        variants: names of the first axis.
        families: pairs of each family by its name.
        rope: smallest difference that matters.
        alpha: family-wise level.
        target: power that is wanted.
        effects: differences to find.  Default: rope and twice rope; for rope 0 only what is detectable is told.

    Raises:
        DynconvError: a pair names an unknown variant, or alpha, target or an effect is out of range.
    """
    chosen = _effects(rope, effects)
    _check(alpha, target, chosen)
    place = {name: index for index, name in enumerate(variants)}
    one = np.shape(values)[1] == 1
    found = []
    for family, pairs in families.items():
        for a, b in pairs:
            for name in (a, b):
                if name not in place:
                    raise DynconvError(f"power: family {family!r} has unknown variant {name!r}; {valid(variants)}")
            pilot = components(values[place[a]], values[place[b]])
            names = {"variant_a": a, "variant_b": b}
            for effect in chosen:
                found.append(names | {"family": family} | _row(pilot, one, effect, len(pairs), alpha, target))
    return found


def lines(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> list[str]:
    """The rows as a table for people, with one sentence below for each; `width` as in `dynconv.columns.columns`."""
    if not rows:
        return ["power: no pair to plan for"]
    tasks = any("task" in row for row in rows)
    head = ["pair", "effect", "datasets", "seeds", "power", "lower", "seeds needed", "datasets needed", "detectable"]
    table = [(["task"] if tasks else []) + head]
    for row in rows:
        numbers = [f"{row['effect']:g}", str(row["n_datasets"]), str(row["n_seeds"])]
        numbers += [_number(row["power"], ".2f"), _number(row["power_low"], ".2f")]
        numbers += [_number(row[name], "d") for name in ("seeds_needed", "datasets_needed")]
        numbers += [_number(row["detectable"], ".2g")]
        pair = f"{row['variant_a']} - {row['variant_b']}"
        table.append(([str(row.get("task", ""))] if tasks else []) + [pair, *numbers])
    first = len(table[0]) - len(head) + 1
    text = columns(table, right=range(first, len(table[0])), width=width)
    note = f"Power wanted: {rows[0]['target']:g}. 'lower' and the last three: with the scatter at its upper 80 % limit."
    place = table[0].index("pair")
    reasons = [": ".join((*cells[: place + 1], row["reason"])) for cells, row in zip(table[1:], rows, strict=True)]
    return [*text, "", note, *reasons]


def _effects(rope: float, effects: Sequence[float] | None) -> list[float]:
    if effects is not None:
        return sorted({float(effect) for effect in effects})
    return [float(rope), 2 * float(rope)] if rope > 0 else [0.0]


def _check(alpha: float, target: float, effects: Sequence[float]) -> None:
    for name, value, good, allowed in (
        ("alpha", alpha, 0 < alpha < 0.5, "a number above 0 and below 0.5"),
        ("power", target, alpha < target < 1, "a number above alpha and below 1"),
        *(("effect", e, 0 <= e < math.inf, "a number from 0, in units of the metric") for e in effects),
    ):
        if not good:
            raise DynconvError(f"{name}: {value!r} cannot be used; valid: {allowed}")


def _row(pilot: Components, one: bool, effect: float, tests: int, alpha: float, target: float) -> dict[str, Any]:
    """One pair at one effect; None for numbers that the pilot or the design does not have."""
    level = alpha / tests
    test, n = (permutation_power, pilot.n_seeds) if one else (signed_rank_power, pilot.n_datasets)
    floor = floors.seed_floor(n, n) if one else floors.floor(n)
    power = low = detectable = seeds = datasets = None
    if pilot.n_datasets and floor >= level:
        power = low = 0.0
    scatter = _scatter(pilot, one)
    if scatter is not None:
        standard, careful = (min(scatter.equivalent(e), _LARGEST) for e in (effect, effect / pilot.upper))
        power, low = test(n, standard, level), test(n, careful, level)
        found = scatter.effect(effect_needed(test, n, level, target))
        detectable = found * pilot.upper if math.isfinite(found) else None
        if one:
            seeds = size_needed(permutation_power, careful, level, target)
        else:
            seeds = _seeds_needed(pilot, effect, found)
            datasets = size_needed(signed_rank_power, careful, level, target)
    row = {
        "effect": effect,
        "n_datasets": pilot.n_datasets,
        "n_seeds": pilot.n_seeds,
        "sd_datasets": _known(pilot.sd_datasets),
        "sd_seeds": _known(pilot.sd_seeds),
        "alpha_each": level,
        "power": power,
        "power_low": low,
        "target": target,
        "detectable": detectable,
        "seeds_needed": seeds,
        "datasets_needed": datasets,
    }
    least = floors.seeds_needed(tests, alpha) if one else floors.datasets_needed(tests, alpha)
    return row | {"reason": _reason(row, pilot, one, floor, least)}


def _scatter(pilot: Components, one: bool) -> Scatter | None:
    """What the effect is measured by: the scatter of runs, or of the datasets' differences; None: not known, or 0."""
    sd = pilot.sd_seeds if one else pilot.sd_total
    if not (sd > 0 and pilot.freedom):
        return None
    return normal(sd) if one else observed(pilot.differences, sd)


def _seeds_needed(pilot: Components, effect: float, found: float) -> int | None:
    """Seeds that shrink the scatter of the datasets' differences until `effect` takes the place of `found`.

    The pilot may have mistaken the scatter between datasets or that between seeds: more seeds must be enough if all
    that it underestimated lies between datasets, and fewer if both are as much larger.
    """
    if math.isnan(pilot.sd_seeds) or not math.isfinite(found):
        return None
    allowed = effect / found * pilot.sd_total
    noise, limit = 2 * pilot.sd_seeds**2, allowed * allowed  # infinite, where ** would raise, for a huge effect
    between = (pilot.upper * pilot.sd_total) ** 2 - noise / pilot.n_seeds
    rooms = (limit - between, limit / pilot.upper**2 - pilot.sd_datasets**2)
    seeds = max(noise / room if room > 0 else math.inf for room in rooms)
    return max(1, math.ceil(seeds - 1e-9)) if seeds <= _MOST else None


def _reason(row: Mapping[str, Any], pilot: Components, one: bool, floor: float, least: int) -> str:
    """What limits the design, with numbers."""
    if not pilot.n_datasets:
        return "no dataset has a value of both variants: the pilot says nothing."
    unit = "seeds" if one else "datasets"
    n = pilot.n_seeds if one else pilot.n_datasets
    unknown = not row["detectable"] and row["power_low"] in (None, 0.0)
    if floor >= row["alpha_each"]:
        text = f"with {n} {unit} the least possible p is {floor:.2g}, not below the {row['alpha_each']:.2g} of"
        text += f" Holm's first step, however large the difference; at least {least} {unit} are needed"
        return text + _wanted(row, one) + "."
    if unknown and (pilot.sd_total == 0 or pilot.sd_seeds == 0):
        return "no run of the pilot differs from another: it shows no scatter, so power cannot be judged."
    if unknown:
        return "every variant has a single run: the scatter between seeds is not known; at least 2 seeds are needed."
    finds = f"finds a true difference of {row['effect']:g} with probability {row['power']:.2f}"
    finds += f" ({row['power_low']:.2f} if the pilot's scatter is too small)"
    if row["effect"] == 0:
        return f"no smallest difference that matters is declared; from {row['detectable']:.2g} on, one is found."
    if row["power_low"] >= row["target"]:
        return f"{finds}: enough{_blind(pilot, one)}."
    return f"{finds}, not {row['target']:g}: {_limit(row, pilot, one)}{_wanted(row, one)}{_blind(pilot, one)}."


def _limit(row: Mapping[str, Any], pilot: Components, one: bool) -> str:
    if one:
        return f"the scatter between seeds ({pilot.sd_seeds:.2g}) limits it"
    if math.isnan(pilot.sd_datasets):
        return f"the scatter of the differences ({pilot.sd_total:.2g}) limits it"
    seeds = pilot.sd_seeds * math.sqrt(2 / pilot.n_seeds)
    name, sd = ("datasets", pilot.sd_datasets) if pilot.sd_datasets > seeds else ("seeds", seeds)
    return f"the scatter between {name} ({sd:.2g} of {pilot.sd_total:.2g} in a dataset's difference) limits it"


def _wanted(row: Mapping[str, Any], one: bool) -> str:
    """What would be enough for this effect, or that nothing would."""
    seeds, datasets = row["seeds_needed"], row["datasets_needed"]
    if row["effect"] == 0 or row["power_low"] is None:
        return ""
    if one:
        return f"; {seeds} seeds of each are enough" if seeds else ""
    more = f"{datasets} datasets with these seeds" if datasets else ""
    if seeds:
        more = f"{seeds} seeds on these datasets" + (f", or {more}" if more else "")
    elif more and row["sd_seeds"] is not None:
        more += ", but no number of seeds on these datasets"
    return f"; enough: {more}" if more else ""


def _blind(pilot: Components, one: bool) -> str:
    if one or not math.isnan(pilot.sd_seeds):
        return ""
    return "; with single seeds the scatter of seeds and datasets cannot be told apart, nor what more seeds would do"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
