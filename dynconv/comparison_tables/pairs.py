"""The table of all pairs of variants, and how sturdy its answers are."""

from dynconv.comparison_tables.keys import PAIR, TASK, interval
from dynconv.table import FLAG, INTEGER, REAL, TEXT, Column, Table, key

_COVERAGE = (
    Column("n_datasets", INTEGER, "datasets on which both variants have a value"),
    Column("n_missing", INTEGER, "datasets of the task on which one of them has none"),
    Column("coverage", REAL, "n_datasets over the task's datasets (0-1)"),
)
_EFFECTS = (
    Column("wins", INTEGER, "datasets on which a is better"),
    Column("ties", INTEGER, "datasets on which they are equal to 12 digits"),
    Column("losses", INTEGER, "datasets on which b is better"),
    Column("mean_diff", REAL, "mean over datasets of a - b (metric units; positive: a is better)"),
    *interval(
        "mean_diff_ci",
        "the population interval: for datasets like these (one dataset: the fixed one); null: a single run",
    ),
    *interval(
        "mean_diff_fixed_ci", "the fixed-dataset interval: new seeds on these datasets; null: a cell has one run"
    ),
    Column("hodges_lehmann", REAL, "median of the pairwise averages of the differences"),
    *interval(
        "hodges_lehmann_ci", "its interval, from inverting the signed-rank test; null: too few datasets (95 %: below 6)"
    ),
    Column("rank_biserial", REAL, "matched-pairs rank-biserial correlation (-1 to 1)"),
    *interval("rank_biserial_ci", "its interval for datasets like these; null where one dataset is, or differs"),
    Column("prob_a_better", REAL, "share of datasets won, ties as half"),
    *interval("prob_a_better_ci", "its interval for datasets like these; null for one dataset"),
    Column("cliffs_delta", REAL, "Cliff's delta over seeds, averaged over datasets (-1 to 1)"),
    *interval("cliffs_delta_ci", "its interval for datasets like these and new seeds (one dataset: its seeds)"),
    Column("a12", REAL, "Vargha and Delaney's A over seeds, averaged over datasets: the probability of improvement"),
    *interval("a12_ci", "its interval for datasets like these and new seeds (one dataset: its seeds)"),
)
_SENSITIVITY = (
    Column("p_wilcoxon", REAL, "two-sided Wilcoxon signed-rank p, Pratt zeros; null without a non-zero difference"),
    Column("p_permutation", REAL, "two-sided sign-flip permutation p of the mean difference (sensitivity)"),
)
STATISTICS = tuple(column.name for column in (*_EFFECTS, *_SENSITIVITY))  # of one pair, whatever the others
_TESTS = (
    Column(
        "test",
        TEXT,
        "what decides: wilcoxon; sign_flip for romano_wolf; welch_and_permutation over one dataset's seeds",
    ),
    Column("p", REAL, "its p (of the two over seeds, the larger); null where it cannot be computed"),
    Column("p_holm", REAL, "p, Holm-adjusted within its task and family"),
    Column("p_shaffer", REAL, "p adjusted by Shaffer's static procedure"),
    Column(
        "p_bergmann_hommel",
        REAL,
        "p adjusted by Bergmann and Hommel; null for over 9 variants, unless each is against one control",
    ),
    Column("p_hommel", REAL, "p adjusted by Hommel (assumes independent or positively dependent tests)"),
    Column("p_bh", REAL, "p adjusted by Benjamini and Hochberg: a false discovery rate, not family-wise"),
    Column("p_romano_wolf", REAL, "adjusted by Romano and Wolf's step-down max-T over joint sign flips"),
    Column("p_holm_all", REAL, "p, Holm-adjusted over all pairs of the task, whatever their family"),
    Column("adjustment", TEXT, "which of them the plan lets decide"),
    Column("p_adjusted", REAL, "that one"),
    Column("p_floor", REAL, "the least p_adjusted that this number of datasets (one dataset: of seeds) could give"),
    Column("significant", FLAG, "p_adjusted < alpha"),
    Column("verdict", TEXT, "superior, inferior, equivalent or inconclusive, of a against b"),
    Column("reason", TEXT, "why the verdict is what it is, and what would be needed"),
    Column("exploratory", FLAG, "not in the analysis plan, or not as the plan has it"),
    Column("plan_hash", TEXT, "digest of the plan that was followed; null without a study"),
)
PAIRWISE = Table(
    "pairwise",
    "One row a task and ordered pair of variants: effect sizes, intervals, tests and the verdict.",
    (
        TASK,
        *PAIR,
        Column("metric", TEXT, "metric compared"),
        Column("family", TEXT, "primary (against the control) or secondary (all other pairs), or as the plan names it"),
        *_COVERAGE,
        Column("n_failed", INTEGER, "failed runs of the two; the plan says what they count as"),
        *_EFFECTS,
        *_SENSITIVITY,
        *_TESTS,
    ),
)
ROBUSTNESS = Table(
    "robustness",
    "One row a pair and a dataset, or a group of datasets, left out: does the decision hang on it?",
    (
        TASK,
        *PAIR,
        key("kind", TEXT, "dataset or group (datasets of one kind, such as the archive's types)"),
        key("left_out", TEXT, "the dataset or group left out"),
        Column("family", TEXT, "family of hypotheses"),
        Column("n_datasets", INTEGER, "remaining datasets on which both variants have a value"),
        Column("n_missing", INTEGER, "remaining datasets on which one of them has none"),
        Column("coverage", REAL, "n_datasets over the remaining datasets (0-1); null where none remains"),
        Column("mean_diff", REAL, "mean over the remaining datasets of a - b"),
        Column("hodges_lehmann", REAL, "median of the pairwise averages of the remaining differences"),
        Column("p_wilcoxon", REAL, "two-sided signed-rank p of the remaining datasets"),
        Column("p_holm", REAL, "Holm-adjusted within its family"),
        Column("significant", FLAG, "p_holm < alpha"),
        Column("changes", FLAG, "significance or direction is not that of all datasets"),
    ),
)
