"""How the runs were analysed: from the tables of the comparison and the plan that it followed."""

from collections.abc import Iterator

import pandas as pd

from dynconv.report import numbers
from dynconv.report.paper.prose import Cite, Paragraph, cite
from dynconv.report.paper.table import rows_of
from dynconv.report.paper.words import count
from dynconv.report.results import Results
from dynconv.stats.verdict import ONE_DATASET

_ADJUSTMENTS: dict[str, tuple[str, str]] = {
    "holm": ("Holm\u2019s step-down procedure", "holm1979"),
    "shaffer": ("Shaffer\u2019s static procedure", "shaffer1986"),
    "bergmann_hommel": ("Bergmann and Hommel\u2019s procedure", "bergmann1988"),
    "hommel": ("Hommel\u2019s procedure, which assumes independent or positively dependent tests", "hommel1988"),
    "bh": ("Benjamini and Hochberg\u2019s procedure, which holds the false discovery rate", "benjamini1995"),
    "romano_wolf": ("Romano and Wolf\u2019s step-down max-T procedure over joint sign flips", "romano2005"),
}
_OMNIBUS: dict[str, tuple[str, str]] = {
    "friedman": ("Friedman\u2019s test, corrected for ties", "friedman1937"),
    "iman_davenport": ("Iman and Davenport\u2019s F", "iman1980"),
    "aligned_ranks": ("the aligned-ranks test", "hodges1962"),
    "quade": ("Quade\u2019s test", "quade1979"),
}
_MODELS: dict[str, tuple[str, str]] = {
    "signed_rank": ("the Bayesian signed-rank test", "benavoli2014"),
    "hierarchical": ("a hierarchical model", "corani2017"),
}
SKEWED = 5  # datasets from which the interval of the mean difference heeds their skewness (docs/statistics.md)
_RULES = {
    "control": "each variant against the control",
    "rest": "every pair that is in no other family",
    "all": "every pair",
}


def paragraphs(results: Results) -> Iterator[Paragraph]:
    """The tests; sizes and intervals; posteriors; all tasks together; what was planned.  Each where it was done."""
    if results.pairwise.empty:
        yield Paragraph("Analysis", ("The folder holds no comparison: no test was made.",))
        return
    yield Paragraph("Tests", tuple(_tests(results)))
    yield Paragraph("Effects and equivalence", tuple(_effects(results)))
    for title, found in (("Posteriors", _posteriors(results)), ("Across tasks", _across(results))):
        if parts := tuple(found):
            yield Paragraph(title, parts)
    yield Paragraph("Analysis plan", tuple(_plan(results)))


def _tests(results: Results) -> Iterator[str | Cite]:
    pairs, plan = _tested(results), results.plan.get("analysis", {})
    metrics = [
        f"{numbers.label(results.metric(t))} ({t})" for t in results.tasks if (results.pairwise["task"] == t).any()
    ]
    yield f"The primary metric was {numbers.listing(metrics)}, after the last epoch. "
    if pairs.empty:
        yield "No pair of variants could be tested. "
    over = pairs[pairs["test"].isin(("wilcoxon", "sign_flip"))]
    if len(over):
        yield "The unit of analysis was the dataset"
        yield cite("demsar2006")
        yield ": runs were averaged over seeds within each dataset, and seeds never counted as further observations. "
    omnibus = [name for name in _OMNIBUS if (results.omnibus[results.omnibus["p"].notna()]["test"] == name).any()]
    if omnibus:
        yield "Mean ranks with "
        for place, name in enumerate(omnibus):
            yield ("" if place == 0 else " and " if place == len(omnibus) - 1 else ", ") + _OMNIBUS[name][0]
            yield cite(_OMNIBUS[name][1])
        yield " describe whether the variants differ at all; no pair was judged by mean ranks"
        yield cite("benavoli2016")
        yield ". "
    if (pairs["test"] == "wilcoxon").any():
        yield f"Pairs of variants were compared {_where(results, 'wilcoxon')}by the two-sided Wilcoxon signed-rank test"
        yield cite("wilcoxon1945")
        yield " over datasets, ranking zero differences and then dropping them"
        yield cite("pratt1959")
        yield ". "
    if (pairs["test"] == "sign_flip").any():
        yield f"Pairs of variants were compared {_where(results, 'sign_flip')}by two-sided sign-flip permutation tests"
        yield cite("fisher1935", "phipson2010")
        yield " of the mean difference over datasets. "
    if (pairs["test"] == ONE_DATASET).any():
        yield f"Where a task has one dataset ({numbers.listing(_tasks(results, ONE_DATASET))}), Welch\u2019s t test"
        yield cite("welch1947")
        yield " and a permutation test"
        yield cite("fisher1935", "phipson2010")
        yield (
            " over seeds both had to reject (the larger p counts), runs being independent samples; this says nothing of"
            " other datasets. "
        )
    adjustments = [name for name in _ADJUSTMENTS if (pairs["adjustment"] == name).any()]
    if adjustments:
        yield "Within each task and family of hypotheses p-values were adjusted by "
        for place, name in enumerate(adjustments):
            yield " or " * (place > 0) + _ADJUSTMENTS[name][0]
            yield cite(_ADJUSTMENTS[name][1])
        alpha = plan.get("alpha")
        yield f", at alpha = {alpha:g}. " if alpha is not None else ". "
    families = plan.get("families", {})
    if families:
        told = [
            f"{name} ({_RULES[rule] if isinstance(rule, str) else count(len(rule), 'pair')})"
            for name, rule in families.items()
        ]
        yield f"The families were {numbers.listing(told)}."


def _tested(results: Results) -> pd.DataFrame:
    """The pairs whose test gave a p: of others the table only says which test it would have been."""
    return results.pairwise[results.pairwise["p"].notna()]


def _tasks(results: Results, test: str) -> list[str]:
    pairs = _tested(results)
    return [t for t in results.tasks if ((pairs["task"] == t) & (pairs["test"] == test)).any()]


def _where(results: Results, test: str) -> str:
    """`in timeseries `, unless every task with a test has this one."""
    tasks, others = _tasks(results, test), set(_tested(results)["test"].dropna()) - {test}
    return f"in {numbers.listing(tasks)} " if others else ""


def _effects(results: Results) -> Iterator[str | Cite]:
    pairs, plan = results.pairwise, results.plan.get("analysis", {})
    alpha = plan.get("alpha")
    wide = f"{100 * (1 - alpha):g} per cent " if alpha is not None else ""
    several = pairs[(pairs["n_datasets"] > 1) & pairs["mean_diff_ci_low"].notna()]
    yield "Each pair is given its mean difference"
    if len(several):
        yield f" with a {wide}interval for datasets like these, Student\u2019s over datasets"
        if several["n_datasets"].max() >= SKEWED:
            yield ", its ends moved outwards for skewness towards those of the bootstrap-t"
            yield cite("efron1993")
    if ((pairs["n_datasets"] == 1) & pairs["mean_diff_ci_low"].notna()).any():
        yield ", and where there is one dataset" if len(several) else " with"
        yield f" Welch\u2019s {wide}interval over {'its seeds' if len(several) else 'the seeds of the one dataset'}"
    if (pairs["n_datasets"] > 1).any():
        yield "; wins, ties and losses; the matched-pairs rank-biserial correlation"
        yield cite("kerby2014")
    if pairs["a12"].notna().any():
        yield "; and the probability that one training of a variant beats one of the other"
        yield cite("vargha2000", "agarwal2021")
    yield ". "
    ropes = {task: results.rope(task) for task in results.tasks if (pairs["task"] == task).any()}
    told = {rope for rope in ropes.values() if rope}
    if told:
        size = (
            f"\u00b1{told.pop():g}"
            if len(set(ropes.values())) == 1
            else numbers.listing([f"\u00b1{rope:g} ({task})" for task, rope in ropes.items() if rope is not None])
        )
        yield (
            f"Differences within {size} (in units of the metric) count as practically equivalent; a pair was called"
            " equivalent if the whole interval of its mean difference lies inside"
        )
        yield cite("schuirmann1987")
        yield " and the test could have rejected. Any other pair that is not significant is inconclusive."
    elif ropes:
        yield (
            "No region of practical equivalence is recorded."
            if None in ropes.values()
            else "No difference was declared too small to matter."
        )


def _posteriors(results: Results) -> Iterator[str | Cite]:
    rows = rows_of(results, "posterior")
    found = [name for name in _MODELS if (rows[rows["p_a"].notna()]["model"] == name).any()]
    if not found:
        return
    yield "Posterior probabilities that either variant is practically better, or that they are equivalent"
    yield cite("benavoli2017")
    yield ", come from "
    for place, name in enumerate(found):
        yield " and " * (place > 0) + _MODELS[name][0]
        yield cite(_MODELS[name][1])
    yield "; they decide no verdict."


def _across(results: Results) -> Iterator[str | Cite]:
    if (results.crosstask["task"] == "all").any():
        yield "Tasks were never pooled. That a variant is better on every task is an intersection\u2013union test"
        yield cite("berger1982")
        yield ", Holm-adjusted over the variants"
        yield cite("holm1979")
        yield "."


def _plan(results: Results) -> Iterator[str]:
    plan = results.plan
    if not plan:
        yield "The folder does not record which analysis plan was followed."
        return
    exploratory = int(results.pairwise["exploratory"].fillna(False).astype(bool).sum())
    if plan.get("declared") is None:
        yield "Nothing was declared before the data were seen: the whole analysis is exploratory. "
    elif plan.get("followed"):
        yield "The analysis follows the plan that the study declared"
        yield f" (digest {plan['analysis_hash']}). " if plan.get("analysis_hash") else ". "
    else:
        reasons = "; ".join(plan.get("deviations", []))
        yield f"The analysis deviates from the declared plan and is exploratory: {reasons}. "
    if plan.get("followed") and exploratory:
        yield f"{count(exploratory, 'pair')} outside the plan are exploratory. ".capitalize()
    if undeclared := plan.get("undeclared_variants"):
        yield f"Not declared: {numbers.listing(undeclared)}. "
    if notes := plan.get("notes"):
        yield f"Noted: {'; '.join(notes)}."
