from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def published():
    """published(name) -> datasets x variants, a table of tests/stats/data."""
    return lambda name: pd.read_csv(DATA / f"{name}.csv", index_col="dataset", float_precision="round_trip")


@pytest.fixture
def tidy():
    """tidy(wide) -> one row a dataset and variant, of a datasets x variants frame."""

    def melt(wide):
        rows = wide.rename_axis("dataset").reset_index().melt("dataset", var_name="variant", value_name="value")
        return rows.assign(task="all", metric="value", seed=0)

    return melt


@pytest.fixture
def results():
    """results(effects, ...) -> normal scores around .7 with a mean a dataset, a variant's effect and seed noise."""

    def make(effects, datasets=10, seeds=3, rng=None, noise=0.01):
        rng = np.random.default_rng(0) if rng is None else rng
        level = rng.uniform(0.5, 0.9, datasets)
        return pd.DataFrame(
            [
                ("classification", "accuracy", f"d{d}", variant, s, level[d] + effect + noise * rng.standard_normal())
                for variant, effect in effects.items()
                for d in range(datasets)
                for s in range(seeds)
            ],
            columns=["task", "metric", "dataset", "variant", "seed", "value"],
        )

    return make
