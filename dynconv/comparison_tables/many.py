"""Tables that describe variants over the datasets of a task."""

import pyarrow as pa

from dynconv.comparison_tables.keys import DATASET, TASK, VARIANT, interval
from dynconv.table import FLAG, INTEGER, REAL, TEXT, Column, Table, key

_COMPLETE = (
    Column("n_datasets", INTEGER, "datasets on which every variant has a value"),
    Column("coverage", REAL, "their share of the task's datasets (0-1)"),
)
TABLES = (
    Table(
        "means",
        "One row a task, variant and dataset: the mean over seeds.",
        (
            TASK,
            VARIANT,
            DATASET,
            Column("metric", TEXT, "metric compared"),
            Column("n_seeds", INTEGER, "runs averaged"),
            Column("n_failed", INTEGER, "runs of the cell that failed or have no value"),
            Column("coverage", REAL, "n_seeds over the number of seeds in the task (0-1)"),
            Column("mean", REAL, "mean over seeds"),
            Column("sd", REAL, "standard deviation over seeds (n - 1); null for one seed"),
            *interval("ci", "the t interval of the mean over seeds"),
        ),
    ),
    Table(
        "ranks",
        "One row a task and variant: the mean rank over datasets (1 = best; ties share).",
        (
            TASK,
            VARIANT,
            Column("mean_rank", REAL, "mean over complete datasets of the rank among variants"),
            *_COMPLETE,
        ),
    ),
    Table(
        "omnibus",
        "One row a task and test: do the variants differ at all?",
        (
            TASK,
            key("test", TEXT, "friedman (tie-corrected), iman_davenport, aligned_ranks or quade"),
            Column("statistic", REAL, "chi-square or F"),
            Column("df1", REAL, "degrees of freedom"),
            Column("df2", REAL, "second degrees of freedom; null for chi-square"),
            Column("p", REAL, "p-value; null where the test cannot be computed"),
            *_COMPLETE,
            Column("k", INTEGER, "variants"),
        ),
    ),
    Table(
        "cliques",
        "One row a task and clique: a largest set of two or more variants of which none are significantly different.",
        (
            TASK,
            key("clique", INTEGER, "number, counted from 1 in the order of the best mean rank"),
            Column("variants", pa.list_(pa.string()), "its variants, best mean rank first"),
            Column("n_variants", INTEGER, "how many"),
            Column("n_datasets", INTEGER, "fewest datasets that a pair of the task was compared on"),
            Column("all_listed", FLAG, "all cliques are listed; false with over 1000: enough to hold every such pair"),
        ),
    ),
    Table(
        "aggregates",
        "One row a task, variant and statistic: scores of all complete datasets in one number (Agarwal et al. 2021).",
        (
            TASK,
            VARIANT,
            key("statistic", TEXT, "mean or median of the datasets' means, or iqm: interquartile mean of all runs"),
            Column("value", REAL, "metric units"),
            *interval("ci", "its interval, from a bootstrap of seeds within datasets"),
            *_COMPLETE,
        ),
    ),
    Table(
        "performance_profiles",
        "One row a task, variant and threshold: the share of runs that score above it (Agarwal et al. 2021).",
        (
            TASK,
            VARIANT,
            key("tau", REAL, "threshold (metric units)"),
            Column("share", REAL, "share of the runs above tau, each dataset weighing the same (0-1)"),
            *interval("ci", "its pointwise interval, from a bootstrap of seeds within datasets"),
            *_COMPLETE,
        ),
    ),
)
