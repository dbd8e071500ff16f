"""The table `crossed`: a difference for new seeds, for new test examples, and for both at once.

Runs and test examples are crossed: every network predicts every example.  With y the answer of seed s of variant v on
example i, the variance of a difference of means over S seeds and n examples has three parts:

    seeds        sum over both variants of Var_s(metric of a run) / S: new networks on the same examples
    examples     Var_i of the difference: new examples for the same networks, drawn jointly for both variants
    interaction  sum over both variants of Var_si / (S n): which examples a network happens to get wrong

The first two both contain the third, so for new seeds and new examples it is seeds + examples - interaction.  Drawing
seeds and examples with replacement at once (the pigeonhole bootstrap) counts the interaction three times (McCullagh
2000, Bernoulli 6:285; Owen 2007, Annals of Applied Statistics 1:386; Owen & Eckles 2012, ibid. 6:895), and the seeds
(S - 1) / S times: far too wide where networks of one variant disagree, too narrow where few seeds vary much.  A mean
over seeds is linear in the seeds, so that only the examples need to be resampled; what seeds add is known in closed
form, without drawing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from dynconv.stats.draws import named
from dynconv.stats.means import DIGITS, differences, seed_means
from dynconv.stats.predictions import Confusions, Labels, Run
from dynconv.stats.resampled import draws, statistic

Resampled = tuple[np.ndarray, np.ndarray]
INTERVALS = ("seeds", "examples", "crossed")


def rows(
    predicted: Labels | Confusions,
    runs: Mapping[Run, float],
    pairs: Sequence[tuple[str, str]],
    *,
    metric: str,
    alpha: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """One row a pair on one dataset: the columns of the table `crossed` without task.

    A pair is compared on the examples that all its runs predicted; without any run there is no row.  Intervals are NaN
    where they do not exist: for new seeds with a single run of either variant, and where nothing varies.

    Args:
        predicted: the dataset's predictions, from `PredictionFile.load`.
        runs: the dataset's runs (variant, seed) that have a value, with it.  Predictions of other runs (failed ones, or
            of another study) are left out and counted.
        pairs: variants to compare.
        metric: one of `dynconv.stats.resampled.METRICS`.
        alpha: intervals have confidence 1 - alpha, each by itself.
        resamples: of the test examples.
        seed: of them; the same seed gives the same numbers, whatever else was predicted.

    Raises:
        DynconvError: the predictions do not determine the metric.
    """
    result = []
    values = np.array([runs.get(run, np.nan) for run in predicted.runs])
    off = np.abs(_own(predicted, metric) - values)
    resampled: dict[bytes, Resampled] = {}  # by the examples shared: as a rule all pairs share the same ones
    for pair in pairs:
        of_pair = np.array([run[0] in pair for run in predicted.runs])
        used = of_pair & ~np.isnan(values)
        if not used.any():
            continue
        a, b = (np.array([r for r in np.flatnonzero(used) if predicted.runs[r][0] == name], int) for name in pair)
        shared = np.all(predicted.present[:, used], axis=1) & (len(a) > 0) & (len(b) > 0)
        key = shared.tobytes()
        if key not in resampled and shared.any():
            rng = named(seed, predicted.dataset)
            resampled[key] = _resample(predicted, metric, shared, resamples, rng)
        row: dict[str, Any] = {"dataset": predicted.dataset, "variant_a": pair[0], "variant_b": pair[1]}
        row |= {"metric": metric, "n_a": len(a), "n_b": len(b), "n_examples": int(shared.sum())}
        row["coverage"] = int(used.sum()) / sum(run[0] in pair for run in runs)
        row["n_ignored"] = int((of_pair & ~used).sum())
        row["max_mismatch"] = float(off[used].max())
        result.append(row | _pair(resampled.get(key), a, b, row["n_examples"], alpha))
    return result


def _own(predicted: Labels | Confusions, metric: str) -> np.ndarray:
    """The metric [R] of each run over all the examples that it predicted: what its row of `runs` should say."""
    found = np.empty(len(predicted.runs))
    for r, present in enumerate(predicted.present.T):
        once = np.ones((1, np.count_nonzero(present)))
        found[r] = statistic(predicted, metric, np.flatnonzero(present), np.array([r]))(once)[0, 0]
    return found


def _resample(
    predicted: Labels | Confusions, metric: str, shared: np.ndarray, resamples: int, rng: np.random.Generator
) -> Resampled:
    """The metric on the examples `shared`, observed [R] and resampled [resamples, R]; NaN of runs that lack some."""
    examples = np.flatnonzero(shared)
    runs = np.flatnonzero(predicted.present[shared].all(axis=0))
    measure = statistic(predicted, metric, examples, runs)
    observed, drawn = np.full(len(predicted.runs), np.nan), np.full((resamples, len(predicted.runs)), np.nan)
    observed[runs] = measure(np.ones((1, len(examples))))[0]
    drawn[:, runs] = np.concatenate([measure(counts) for counts in draws(len(examples), resamples, rng)])
    return observed, drawn


def _pair(resampled: Resampled | None, a: np.ndarray, b: np.ndarray, n: int, alpha: float) -> dict[str, float]:
    """The difference of runs `a` and `b` (indices) and its three intervals, from `_resample` over n examples."""
    if resampled is None:
        ends = {f"{name}_ci_{end}": np.nan for name in INTERVALS for end in ("low", "high")}
        return {"mean_diff": np.nan, **ends}
    observed, drawn = resampled
    mean = [seed_means(observed[v]) for v in (a, b)]
    difference = float(differences(*mean))
    enlarged = n / (n - 1) if n > 1 else np.nan  # resampling n examples gives (n - 1) / n of the variance
    examples = enlarged * float((drawn[:, a].mean(axis=1) - drawn[:, b].mean(axis=1)).var())
    seeds = freedom = crossed = crossed_freedom = np.nan
    if min(len(a), len(b)) > 1:
        parts = np.array([observed[v].var(ddof=1) / len(v) for v in (a, b)])
        seeds, freedom = _sum_of(parts, np.array([len(a) - 1, len(b) - 1]))
        centred = drawn - drawn.mean(axis=0)
        interaction = enlarged * sum(float(centred[:, v].var(axis=1, ddof=1).mean()) / len(v) for v in (a, b))
        added = max(examples - interaction, 0.0)  # by new examples; never negative, but its estimate can be
        crossed, crossed_freedom = _sum_of(np.array([*parts, added]), np.array([len(a) - 1, len(b) - 1, n - 1]))
    variances = ((seeds, freedom), (examples, n - 1), (crossed, crossed_freedom))
    least = 10.0**-DIGITS * max(map(abs, mean))  # below it, nothing varied: what is left are last bits
    halves = [
        float(stats.t.ppf(1 - alpha / 2, df) * np.sqrt(variance)) if variance > least**2 else np.nan
        for variance, df in variances
    ]
    # More degrees of freedom can make the whole narrower than a part of it; nobody would believe that.
    halves[2] = np.nan if np.isnan(halves[2]) else float(np.nanmax(halves))
    row = {"mean_diff": difference}
    for name, half in zip(INTERVALS, halves, strict=True):
        row |= {f"{name}_ci_low": difference - half, f"{name}_ci_high": difference + half}
    return row


def _sum_of(parts: np.ndarray, freedom: np.ndarray) -> tuple[float, float]:
    """The sum of variances `parts` and its degrees of freedom (Satterthwaite 1946); NaN freedom if all are 0."""
    total = float(parts.sum())
    below = float((parts**2 / freedom).sum())
    return total, total**2 / below if below > 0 else np.nan
