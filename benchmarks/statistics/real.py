"""A/A tables from real results: variants that are one and the same, so that every rejection is false.

Both start from the published accuracies of eight classifiers on the 128 UCR datasets (tests/stats/data/README.md), on a
random choice of the datasets, and return what the functions of `invented` return.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from invented import Drawn, Shape

ROOT = Path(__file__).parents[2]


@cache
def published() -> tuple[np.ndarray, np.ndarray]:
    """Accuracies [classifiers, datasets] and the number of test examples [datasets]."""
    scores = pd.read_csv(ROOT / "tests/stats/data/lite_accuracy.csv", index_col="dataset")
    sizes = pd.read_csv(ROOT / "dynconv/data/ucr_archive.csv", index_col="name")["test"]
    return scores.to_numpy().T, sizes.loc[scores.index].to_numpy()


def seeds(rng: np.random.Generator, shape: Shape) -> Drawn:
    """The runs of one classifier, cut into as many parts as there are variants.

    Published is one value a dataset, so a run is drawn: as many right answers as the published accuracy and the size of
    the test set give by chance.
    """
    scores, sizes = published()
    datasets = rng.permutation(len(sizes))[: shape[1]]
    expected = scores[rng.integers(len(scores)), datasets]
    right = rng.binomial(sizes[datasets, None], expected[:, None], shape)
    return right / sizes[datasets, None], np.broadcast_to(expected, shape[:2])


def labels(rng: np.random.Generator, shape: Shape) -> Drawn:
    """The published values themselves, the classifiers' names exchanged at random within each dataset."""
    scores, sizes = published()
    datasets = rng.permutation(len(sizes))[: shape[1]]
    classifiers = rng.permutation(len(scores))[: shape[0]]
    values = rng.permuted(scores[np.ix_(classifiers, datasets)], axis=0)
    return values[..., None], values
