"""Columns that several of the tables share."""

from dynconv.table import REAL, TEXT, Column, key

TASK = key("task", TEXT, "classification, segmentation or timeseries")
VARIANT = key("variant", TEXT, "variant")
DATASET = key("dataset", TEXT, "dataset")
PAIR = (
    key("variant_a", TEXT, "first variant of the pair"),
    key("variant_b", TEXT, "second variant: differences are a - b, positive when a is better"),
)


def interval(prefix: str, doc: str) -> tuple[Column, Column]:
    """`<prefix>_low` and `<prefix>_high`."""
    return Column(f"{prefix}_low", REAL, f"lower end of {doc}"), Column(f"{prefix}_high", REAL, "upper end")
