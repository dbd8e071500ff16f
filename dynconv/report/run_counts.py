"""How many runs of each dataset and variant ended well, failed, are missing, or are of no study: counted once."""

from collections import Counter, defaultdict

import pandas as pd

from dynconv.study import Study


def count(runs: pd.DataFrame, study: Study | None) -> dict[tuple[str, str], Counter[str]]:
    """By (dataset, variant), counts of `ok`, `failed`, `missing` (of the study) and `extra` (there, but not of it)."""
    names = (runs[column].tolist() for column in ("dataset", "variant", "seed", "status"))
    there = {(dataset, variant, seed): status for dataset, variant, seed, status in zip(*names, strict=True)}
    expected = {(key.dataset, key.variant, key.seed) for key in study.runs()} if study else set(there)
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for key, status in there.items():
        what = ("ok" if status == "ok" else "failed") if key in expected else "extra"
        found[key[0], key[1]][what] += 1
    for dataset, variant, _ in expected - there.keys():
        found[dataset, variant]["missing"] += 1
    return dict(found)
