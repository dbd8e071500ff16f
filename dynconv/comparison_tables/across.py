"""Tables of posteriors, power, and all tasks side by side."""

from dynconv.comparison_tables.keys import PAIR, TASK, VARIANT, interval
from dynconv.table import FLAG, INTEGER, REAL, TEXT, Column, Table, key

TABLES = (
    Table(
        "posterior",
        "One row a pair, model and prior: the probabilities that a is better, that it does not matter, that b is.",
        (
            TASK,
            *PAIR,
            key("model", TEXT, "signed_rank (Benavoli et al. 2014) or hierarchical (Corani et al. 2017)"),
            key(
                "prior",
                TEXT,
                "default, or a sensitivity analysis: bootstrap, strong, favours_a and favours_b (signed_rank); "
                "common_seed_variance, half_cauchy and normal (hierarchical)",
            ),
            Column("rope", REAL, "half-width of the region of practical equivalence (metric units)"),
            Column(
                "p_a",
                REAL,
                "posterior probability that, of the three regions, `a practically better` has the most mass",
            ),
            Column(
                "p_rope",
                REAL,
                "that the region of equivalence has; null where there is no posterior, or it did not converge",
            ),
            Column("p_b", REAL, "that `b practically better` has; the three sum to 1"),
            Column(
                "n_datasets", INTEGER, "datasets used: both variants have a value (hierarchical: and a known spread)"
            ),
            Column("coverage", REAL, "their share of the task's datasets (0-1)"),
            Column("mean_diff", REAL, "hierarchical: posterior mean of the mean difference; else null"),
            *interval("mean_diff_ci", "hierarchical: its credible interval; else null"),
            Column(
                "r_hat", REAL, "hierarchical: largest split R-hat of its chains, at most 1.05 if converged; else null"
            ),
        ),
    ),
    Table(
        "power",
        "One row a pair and effect: what this design could find, and what it would take to find it.",
        (
            TASK,
            *PAIR,
            key("effect", REAL, "true difference that should be found (metric units)"),
            Column("metric", TEXT, "metric compared"),
            Column("family", TEXT, "family of hypotheses"),
            Column("n_datasets", INTEGER, "datasets of the pilot on which both variants have a value"),
            Column("n_seeds", INTEGER, "seeds of the pilot (the fewest a cell has)"),
            Column("sd_datasets", REAL, "standard deviation of the true difference between datasets; null: not known"),
            Column("sd_seeds", REAL, "standard deviation between seeds of a variant on a dataset; null: not known"),
            Column("alpha_each", REAL, "level that the hardest test of the family must meet (alpha over its size)"),
            Column("power", REAL, "probability that this design finds the effect (0-1); null: not known"),
            Column("power_low", REAL, "the same with the scatter at its upper 80 % confidence limit"),
            Column("target", REAL, "power that is wanted"),
            Column("detectable", REAL, "least difference for which power_low is the target; null: none or not known"),
            Column("seeds_needed", INTEGER, "seeds that make power_low the target; null: no number does or not known"),
            Column("datasets_needed", INTEGER, "datasets that do; null: no number does, or not known"),
            Column("reason", TEXT, "what limits the design, one sentence"),
        ),
    ),
    Table(
        "crosstask",
        "One row a variant and task, and one of all tasks together: the forest plot and the intersection-union test.",
        (
            VARIANT,
            key("task", TEXT, "a task; all: better on every task, by intersection-union"),
            Column("control", TEXT, "variant it is compared with"),
            Column("metric", TEXT, "metric compared; null for all"),
            Column("n_datasets", INTEGER, "datasets compared; for all: their sum"),
            Column("n_seeds", INTEGER, "seeds (the most a cell has); null for all"),
            Column("coverage", REAL, "share of the datasets that have a value of both (0-1)"),
            Column("mean_diff", REAL, "variant - control (metric units); null for all: units differ"),
            *interval("mean_diff_ci", "its interval (population, or seeds of the one dataset)"),
            Column("p", REAL, "p of the deciding test; all: the largest, taking 1 where the variant is not ahead"),
            Column("p_adjusted", REAL, "adjusted within the task's family; all: Holm over the variants"),
            Column("verdict", TEXT, "superior, equivalent, inferior or inconclusive; all: superior or inconclusive"),
            Column("reason", TEXT, "why, one sentence"),
            Column("exploratory", FLAG, "not in the analysis plan, or not as the plan has it"),
        ),
    ),
    Table(
        "pareto",
        "One row a task, variant and cost: quality against cost, and how surely nothing beats it in both.",
        (
            TASK,
            VARIANT,
            key("cost", TEXT, "macs, latency_s, memory_bytes, energy_j or train_s"),
            Column("metric", TEXT, "quality"),
            Column("quality", REAL, "mean over datasets"),
            *interval("quality_ci", "its interval (over datasets, their seeds included; one dataset: over seeds)"),
            Column("cost_mean", REAL, "geometric mean over datasets, in the unit of the cost's name"),
            Column("cost_ratio", REAL, "geometric mean over datasets of cost over the control's"),
            *interval("cost_ratio_ci", "its interval (over datasets; one dataset: over measurements)"),
            Column("on_front", FLAG, "no other variant is at least as good and as cheap, and better in one"),
            Column("p_on_front", REAL, "share of the bootstrap resamples in which that holds (0-1)"),
            Column("hardware", TEXT, "what measured the cost (several: each on its own datasets); null for macs"),
            Column(
                "n_datasets",
                INTEGER,
                "datasets with quality and cost of every variant, on the same hardware; 0: not measured",
            ),
            Column("coverage", REAL, "their share of the task's datasets (0-1)"),
        ),
    ),
)
