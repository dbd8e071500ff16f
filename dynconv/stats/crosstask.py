"""All tasks side by side, and the claim "better than the control on every task" by an intersection-union test.

Tasks are never pooled: their metrics mean different things, and a mean of ranks over them means nothing.  "Better on
every task" is the intersection of one claim a task, so its p is the largest of theirs, without an adjustment for the
number of tasks (Berger 1982; Berger & Hsu 1996).  That is over the tasks; over the variants Holm adjusts.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynconv.errors import DynconvError
from dynconv.stats.multiplicity import holm

ALL = "all"
_COPIED = ("mean_diff", "mean_diff_ci_low", "mean_diff_ci_high", "p", "p_adjusted", "verdict", "reason", "exploratory")


def rows(
    pairwise: Sequence[Mapping[str, Any]], *, control: str, alpha: float, others: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Rows of the table `crosstask`: a row a variant and task, and one of all tasks where there are several.

    A variant's p of a task enters as it is where the variant is ahead, and as 1 where it is behind, tied or could not
    be tested.  It is the two-sided p of the task, although the claim has one side: the whole is then no easier to win
    than its parts, and the true level of the claim is at most alpha / 2.  Ahead is what the test of the task says: the
    sign of the signed ranks, or of the mean difference where that is tested.  Superior on all also needs the verdict
    superior on each, so that the table cannot contradict itself: Holm's steps differ between the tasks and the whole.

    Args:
        pairwise: rows of the table `pairwise` (others than those with `control` as `variant_b` are passed over), each
            with `n_seeds`, the most runs that a cell of the pair has.
        control: variant that the others are compared with.
        alpha: level of the claim, for all variants together.
        others: tasks that belong to the claim and were not compared, with their metrics: while runs are to come, no
            variant is better on every task.

    Raises:
        DynconvError: several tasks, and one of them is called "all".
    """
    of: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in pairwise:
        if row["variant_b"] == control:
            of[row["variant_a"], row["task"]] = row
    variants = sorted({variant for variant, _ in of})
    tasks = sorted({task for _, task in of}.union(others or ()))
    if len(tasks) > 1 and ALL in tasks:
        raise DynconvError(f"column 'task': {ALL!r} names one task among several; valid: a name that says which it is")
    total = dict.fromkeys(tasks, 0)
    for (_, task), row in of.items():
        total[task] = max(total[task], row["n_datasets"] + row["n_missing"])
    metric = {**(others or {}), **{task: row["metric"] for (_, task), row in of.items()}}
    found = []
    for variant in variants:
        for task in tasks:
            row = of.get((variant, task)) or _absent(metric[task], compared=task not in (others or {}))
            coverage = row["n_datasets"] / total[task] if total[task] else 0.0
            found.append(
                {"variant": variant, "task": task, "control": control, "metric": row["metric"]}
                | {"n_datasets": row["n_datasets"], "n_seeds": row["n_seeds"], "coverage": coverage}
                | {name: row[name] for name in _COPIED}
            )
    if len(tasks) < 2:
        return found
    claims = {v: [_claim(task, of.get((v, task))) for task in tasks] for v in variants}
    p = np.array([max(claim.p for claim in claims[v]) for v in variants])
    for variant, largest, adjusted in zip(variants, p, holm(p), strict=True):
        own = [of[variant, task] for task in tasks if (variant, task) in of]
        n = sum(row["n_datasets"] for row in own)
        verdict, reason = _judge(claims[variant], float(adjusted), alpha, len(variants))
        found.append(
            {"variant": variant, "task": ALL, "control": control, "metric": None}
            | {"n_datasets": n, "n_seeds": None, "coverage": n / max(1, sum(total.values()))}
            | {"mean_diff": None, "mean_diff_ci_low": None, "mean_diff_ci_high": None}
            | {"p": float(largest), "p_adjusted": float(adjusted), "verdict": verdict, "reason": reason}
            | {"exploratory": any(bool(row["exploratory"]) for row in own)}
        )
    return found


class _Claim(NamedTuple):
    """ "Better on this task": its p, whether the variant is ahead, its verdict, and all that in a few words."""

    p: float
    ahead: bool
    superior: bool
    seen: str


def _absent(metric: str, *, compared: bool) -> dict[str, Any]:
    """A task in which a variant has no row at all."""
    reason = "the task has no run of this variant." if compared else "the task could not be compared."
    row = dict.fromkeys((*_COPIED, "n_seeds"))
    return row | {"metric": metric, "n_datasets": 0, "n_seeds": 0, "verdict": "inconclusive", "reason": reason}


def _claim(task: str, row: Mapping[str, Any] | None) -> _Claim:
    if row is None or not row["n_datasets"]:
        return _Claim(1.0, False, False, f"{task}: no value")
    p, lead = _number(row["p"]), _number(row["rank_biserial" if row["test"] == "wilcoxon" else "mean_diff"])
    if not lead > 0:
        return _Claim(1.0, False, False, f"{task}: {'behind' if lead < 0 else 'no difference'}")
    if math.isnan(p):
        return _Claim(1.0, True, False, f"{task}: ahead, not tested")
    return _Claim(p, True, row["verdict"] == "superior", f"{task}: ahead, p {p:.2g}")


def _judge(claims: Sequence[_Claim], adjusted: float, alpha: float, variants: int) -> tuple[str, str]:
    seen = "; ".join(claim.seen for claim in claims)
    ahead, superior = sum(claim.ahead for claim in claims), sum(claim.superior for claim in claims)
    if ahead < len(claims):
        return "inconclusive", f"ahead on {ahead} of {len(claims)} tasks, not on every one ({seen})."
    largest = f"the largest p of {len(claims)} tasks, Holm-adjusted for {variants} variants, is {adjusted:.2g}"
    if adjusted >= alpha:
        return "inconclusive", f"{largest}, not below alpha {alpha:g} ({seen})."
    if superior < len(claims):
        return "inconclusive", f"{largest}, but within its own family only {superior} are superior ({seen})."
    return "superior", f"{largest}, below alpha {alpha:g} ({seen})."


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
