"""The tables that `dynconv compare` writes."""

from dynconv.comparison_tables import across, many, pairs, single

COMPARISONS = (*many.TABLES, pairs.PAIRWISE, pairs.ROBUSTNESS, *single.TABLES, *across.TABLES)
