"""The tables that `dynconv compare` writes."""

from dynconv.table import FLAG, INTEGER, REAL, TEXT, Column, Table, key

_VARIANT_PAIR = (
    key("task", TEXT, "classification, segmentation or timeseries"),
    key("variant_a", TEXT, "first variant of the pair"),
    key("variant_b", TEXT, "second variant: differences are a - b, positive when a is better"),
)
COMPARISONS = (
    Table(
        "means",
        "One row a task, variant and dataset: the mean over seeds.",
        (
            key("task", TEXT, "classification, segmentation or timeseries"),
            key("variant", TEXT, "variant"),
            key("dataset", TEXT, "dataset"),
            Column("metric", TEXT, "metric compared"),
            Column("n_seeds", INTEGER, "runs averaged"),
            Column("n_failed", INTEGER, "runs of the cell that failed or have no value"),
            Column("mean", REAL, "mean over seeds"),
            Column("sd", REAL, "standard deviation over seeds (n - 1); null for one seed"),
            Column("ci_low", REAL, "lower end of the t interval of the mean over seeds"),
            Column("ci_high", REAL, "upper end"),
        ),
    ),
    Table(
        "ranks",
        "One row a task and variant: the mean rank over datasets (1 = best; ties share).",
        (
            key("task", TEXT, "classification, segmentation or timeseries"),
            key("variant", TEXT, "variant"),
            Column("mean_rank", REAL, "mean over complete datasets of the rank among variants"),
            Column("n_datasets", INTEGER, "datasets on which every variant has a value"),
        ),
    ),
    Table(
        "omnibus",
        "One row a task and test: do the variants differ at all?",
        (
            key("task", TEXT, "classification, segmentation or timeseries"),
            key("test", TEXT, "friedman (tie-corrected) or iman_davenport"),
            Column("statistic", REAL, "chi-square or F"),
            Column("df1", REAL, "degrees of freedom"),
            Column("df2", REAL, "second degrees of freedom; null for chi-square"),
            Column("p", REAL, "p-value; null where the test cannot be computed"),
            Column("n_datasets", INTEGER, "datasets on which every variant has a value"),
            Column("k", INTEGER, "variants"),
        ),
    ),
    Table(
        "pairwise",
        "One row a task and ordered pair of variants: effect sizes, intervals, tests and the verdict.",
        (
            *_VARIANT_PAIR,
            Column("metric", TEXT, "metric compared"),
            Column("family", TEXT, "primary (against the control) or secondary (all other pairs)"),
            Column("n_datasets", INTEGER, "datasets on which both variants have a value"),
            Column("n_missing", INTEGER, "datasets of the task on which one of them has none"),
            Column("wins", INTEGER, "datasets on which a is better"),
            Column("ties", INTEGER, "datasets on which they are equal to 12 digits"),
            Column("losses", INTEGER, "datasets on which b is better"),
            Column("mean_diff", REAL, "mean over datasets of a - b (metric units; positive: a is better)"),
            Column("mean_diff_ci_low", REAL, "lower end of the two-level bootstrap interval (datasets, then seeds)"),
            Column("mean_diff_ci_high", REAL, "upper end"),
            Column("hodges_lehmann", REAL, "median of the pairwise averages of the differences"),
            Column("rank_biserial", REAL, "matched-pairs rank-biserial correlation (-1 to 1)"),
            Column("prob_a_better", REAL, "share of datasets won, ties as half"),
            Column("cliffs_delta", REAL, "Cliff's delta over seeds, averaged over datasets (-1 to 1)"),
            Column(
                "p_wilcoxon", REAL, "two-sided Wilcoxon signed-rank p, Pratt zeros; null without a non-zero difference"
            ),
            Column("p_holm", REAL, "p_wilcoxon, Holm-adjusted within its task and family"),
            Column("p_permutation", REAL, "two-sided sign-flip permutation p of the mean difference (sensitivity)"),
            Column("p_floor", REAL, "the least Holm-adjusted p that this number of datasets could ever give"),
            Column("significant", FLAG, "p_holm < alpha"),
            Column("verdict", TEXT, "superior, inferior, equivalent or inconclusive, of a against b"),
            Column("reason", TEXT, "why the verdict is what it is, and what would be needed"),
        ),
    ),
)
