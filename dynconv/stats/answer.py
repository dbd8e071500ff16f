"""What the terminal says after a comparison: the verdict of each pair of the plan's first family, and what to know."""

from collections.abc import Iterator

import pandas as pd

from dynconv.analysis_plan import Analysis
from dynconv.columns import columns
from dynconv.stats import verdict

_MISMATCH = 1e-3  # between a metric in the table and from the predictions: more than rounding when it was written
_FRACTION = 1.5  # above it, a score that is no loss or time is hardly a fraction


def lines(pairwise: pd.DataFrame, plan: Analysis, width: int | None = None) -> list[str]:
    """A table for people, one row a pair of the first family, then each reason once; `width` as in `columns`."""
    found = verdict.lines(pairwise, next(iter(plan.families)))
    if not found:
        return ["no pair of the plan's first family is in the table"]
    table = [("task", "pair", "difference", f"{100 * (1 - plan.alpha):g} % interval", "W/T/L", "adj. p", "verdict")]
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for line in found:
        task, pair = _shown(line.task), f"{_shown(line.variant)} - {_shown(line.control)}"
        record = f"{line.wins}/{line.ties}/{line.losses}"
        interval = "-" if line.ci_low is None else f"[{line.ci_low:+.4g}, {line.ci_high:+.4g}]"
        numbers = (_number(line.diff, "+.4g"), interval, record, _number(line.p_adjusted, ".2g"))
        table.append((task, pair, *numbers, line.verdict))
        reasons.setdefault((task, line.verdict, line.reason), []).append(pair)
    told = [f"{task}: {', '.join(pairs)}: {said}: {reason}" for (task, said, reason), pairs in reasons.items()]
    return [*columns(table, right=(2, 3, 4, 5), width=width), "", *told]


def notes(frame: pd.DataFrame, plan: Analysis, *, lower_is_better: bool) -> Iterator[str]:
    """Of a tidy frame, what its analysis takes for granted: that `rope` is in the units of the values."""
    for task, values in frame.groupby("task")["value"]:
        if not lower_is_better and values.min() >= 0 and _FRACTION < values.max() <= 100 and plan.rope_of(task) < 0.1:
            yield (
                f"task {task!r}: values up to {values.max():g}, perhaps per cent; rope {plan.rope_of(task):g} is in the"
                " same units (1 would be one point)"
            )


def of_predictions(crossed: pd.DataFrame) -> Iterator[str]:
    """Whether predictions that were given had a use, and agree with the table: of the table `crossed`."""
    if crossed.empty:
        yield (
            "predictions: nothing was computed from them; they count where a task has at most 8 datasets, its metric"
            " can be recomputed, and they are of the same datasets, variants and seeds"
        )
    elif (largest := crossed["max_mismatch"].max()) > _MISMATCH:
        yield f"predictions: the metric computed from them differs by up to {largest:.2g} from the table's"


def of_profile(profile: pd.DataFrame | None, frame: pd.DataFrame) -> Iterator[str]:
    """Whether a profile that was given had a use."""
    keys = ["task", "dataset", "variant"]
    if not frame.attrs["runs"]:
        yield "profile: not used; costs are compared where the table is this project's runs"
    elif profile is not None and profile[keys].merge(frame[keys]).empty:
        yield "profile: no network of the table is in it, so latency and memory are not compared"


def _shown(name: str) -> str:
    """A name on one line, whatever is in it."""
    return name if name.isprintable() else repr(name)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
