"""The analysis of one task, part by part: each part gives rows of a few tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dynconv.analysis_plan import Analysis
from dynconv.stats import (
    aggregates,
    cliques,
    crossed,
    decisions,
    descriptions,
    pareto,
    per_seed,
    posterior,
    power,
    robustness,
    seeds,
)
from dynconv.stats.declaration import Declaration
from dynconv.stats.families import families
from dynconv.stats.grid import Grid, with_failures
from dynconv.stats.means import seed_means, tied
from dynconv.stats.pairwise import compare_pairs
from dynconv.stats.predictions import PredictionFile
from dynconv.stats.ranks import mean_ranks
from dynconv.stats.resampled import METRICS

FEW = 8  # datasets of a task up to which each is looked at by itself, too

Tables = dict[str, list[dict[str, Any]]]


class Task:
    """One task's results, and the plan by which they are analysed; unless `comparable`, it can only be described."""

    def __init__(
        self,
        grid: Grid,
        plan: Analysis,
        declaration: Declaration | None,
        *,
        lower_is_better: bool,
        comparable: bool = True,
    ) -> None:
        self.comparable = comparable
        self.grid, self.plan, self.declaration, self.lower_is_better = grid, plan, declaration, lower_is_better
        counted = with_failures(grid, plan.failed_runs, lower_is_better=lower_is_better).values
        self.values = -counted if lower_is_better else counted
        self.means = tied(seed_means(self.values))
        known = declaration is not None and plan.control in declaration.variants
        declared = declaration.variants if declaration and known and grid.task in declaration.datasets else None
        self.families = families(plan, grid.variants, declared) if comparable else {}
        self.pairs = [pair for pairs in self.families.values() for pair in pairs]
        self.rope = plan.rope_of(grid.task)
        self.drawn: dict[str, Any] = {"alpha": plan.alpha, "resamples": plan.resamples, "seed": plan.seed}

    def descriptions(self) -> Tables:
        """What needs no pairs."""
        variants, several = self.grid.variants, len(self.grid.variants) > 1
        return {
            "means": descriptions.means(self.grid, self.plan.alpha),
            "ranks": descriptions.mean_ranks(self.grid, self.means) if several else [],
            "omnibus": descriptions.tests(self.grid, self.means) if several else [],
            "aggregates": aggregates.rows(self.grid.values, variants, **self.drawn),
            "performance_profiles": aggregates.profile_rows(self.grid.values, variants, **self.drawn),
        }

    def comparisons(self, groups: Mapping[str, str]) -> Tables:
        """All pairs of variants, and how sturdy what is said of them is."""
        grid, plan, values = self.grid, self.plan, self.values
        of_seeds: list[dict[str, Any]] = []
        if len(grid.datasets) <= FEW:
            of_seeds = seeds.rows(
                values, grid.variants, grid.datasets, self.families, threshold=plan.prob_better, **self.drawn
            )
        rows = decisions.decide(
            compare_pairs(values, grid.variants, self.pairs, **self.drawn),
            self.families,
            grid,
            values,
            of_seeds,
            plan,
            self.declaration,
        )
        fewest = min((row["n_datasets"] for row in rows.values()), default=0)
        return {
            "pairwise": list(rows.values()),
            "seeds": of_seeds,
            "cliques": cliques.rows(self._best_first(), decisions.separated(rows, plan.alpha), n_datasets=fewest),
            "robustness": robustness.rows(
                values, grid.datasets, grid.variants, self.families, alpha=plan.alpha, groups=groups
            ),
        }

    def posterior(self) -> Tables:
        """The Bayesian part."""
        rows = posterior.rows(
            self.values, self.grid.variants, self.pairs, rope=self.rope, alpha=self.plan.alpha, seed=self.plan.seed
        )
        return {"posterior": rows}

    def power(self, effects: Sequence[float] | None = None) -> Tables:
        """What the first family could find; by default the rope, and twice the rope."""
        first = dict([next(iter(self.families.items()))]) if self.families else {}
        rows = power.rows(
            self.values,
            self.grid.variants,
            first,
            rope=self.rope,
            alpha=self.plan.alpha,
            target=self.plan.power,
            effects=effects,
        )
        return {"power": rows}

    def examples(self, predictions: PredictionFile) -> Tables:
        """What resampling test examples adds, where there are few datasets and predictions determine the metric."""
        grid = self.grid
        if len(grid.datasets) > FEW or grid.metric not in METRICS:
            return {}
        found: Tables = {"crossed": [], "per_seed": []}
        for dataset, runs in grid.runs_with_value().items():
            predicted = predictions.load(dataset)
            if predicted is None:
                continue
            found["crossed"] += crossed.rows(predicted, runs, self.pairs, metric=grid.metric, **self.drawn)
            found["per_seed"] += per_seed.rows(predicted, runs, self.families)
        return found

    def costs(self, measured: pd.DataFrame) -> Tables:
        """Quality against cost."""
        grid = self.grid
        own = measured[measured["dataset"].isin(grid.datasets)]
        rows = pareto.rows(self.values, grid.variants, grid.datasets, own, control=self.plan.control, **self.drawn)
        return {"pareto": [_as_measured(row) for row in rows] if self.lower_is_better else rows}

    def _best_first(self) -> list[str]:
        """The variants by mean rank; those that have none, for want of a complete dataset, by mean."""
        ranks, means = mean_ranks(self.means), seed_means(self.means)
        keys = zip(
            np.nan_to_num(ranks, nan=np.inf), -np.nan_to_num(means, nan=-np.inf), self.grid.variants, strict=True
        )
        return [name for *_, name in sorted(keys)]


def _as_measured(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `pareto` with its quality turned back: a loss is a loss, as in `means`."""
    turned = {
        new: None if row[old] is None else -row[old]
        for new, old in (
            ("quality", "quality"),
            ("quality_ci_low", "quality_ci_high"),
            ("quality_ci_high", "quality_ci_low"),
        )
    }
    return row | turned
