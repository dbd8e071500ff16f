"""Invented results, seeds nested in datasets.

A value is the dataset's level + what the variant does on this dataset (an interaction: drawn anew for every dataset,
the same for all seeds, of mean zero) + what the seed does.  Each function draws values [variants, datasets, seeds] and
their expectations [variants, datasets] over seeds.
"""

import numpy as np

INTERACTION, NOISE = 0.02, 0.01  # standard deviations, in accuracy
BETTER = 0.03

Shape = tuple[int, int, int]
Drawn = tuple[np.ndarray, np.ndarray]


def _level(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return rng.uniform(0.5, 0.9, shape[1])


def normal(rng: np.random.Generator, shape: Shape) -> Drawn:
    expected = _level(rng, shape) + INTERACTION * rng.standard_normal(shape[:2])
    return expected[..., None] + NOISE * rng.standard_normal(shape), expected


def better(rng: np.random.Generator, shape: Shape) -> Drawn:
    """As `normal`, but the first variant is better by `BETTER`."""
    values, expected = normal(rng, shape)
    values[0] += BETTER
    expected[0] += BETTER
    return values, expected


def heavy(rng: np.random.Generator, shape: Shape) -> Drawn:
    """Student t with three degrees of freedom, and datasets on which everything varies more than on others."""
    scale = np.exp(0.7 * rng.standard_normal(shape[1]))
    expected = _level(rng, shape) + INTERACTION * scale * rng.standard_t(3, shape[:2])
    return expected[..., None] + NOISE * scale[:, None] * rng.standard_t(3, shape), expected


def discrete(rng: np.random.Generator, shape: Shape) -> Drawn:
    """Accuracies on 16 to 1024 test examples, by dataset: there are ties, of seeds and of means."""
    examples = 2 ** rng.integers(4, 11, shape[1])
    expected = np.clip(_level(rng, shape) + 0.1 + INTERACTION * rng.standard_normal(shape[:2]), 0, 1)
    return rng.binomial(examples[:, None], expected[..., None], shape) / examples[:, None], expected


def unequal(rng: np.random.Generator, shape: Shape) -> Drawn:
    """Each variant varies more than the one before, over datasets and seeds: from a fifth to twice as much."""
    scale = np.linspace(0.2, 2, shape[0])[:, None]
    expected = _level(rng, shape) + INTERACTION * scale * rng.standard_normal(shape[:2])
    return expected[..., None] + NOISE * scale[..., None] * rng.standard_normal(shape), expected


def skewed(rng: np.random.Generator, shape: Shape) -> Drawn:
    """Every other variant loses a little on most datasets and gains much on few (a centred exponential).

    Means are equal and medians are not: a hard case for intervals of the mean, and not the null of a rank test.
    """
    scale = np.where(np.arange(shape[0]) % 2, 0.25, 1.0)[:, None]
    expected = _level(rng, shape) + INTERACTION * scale * (rng.standard_exponential(shape[:2]) - 1)
    return expected[..., None] + NOISE * rng.standard_normal(shape), expected


def seeds_only(rng: np.random.Generator, shape: Shape) -> Drawn:
    """No interaction: on every dataset the variants are one and the same."""
    expected = np.broadcast_to(_level(rng, shape), shape[:2])
    return expected[..., None] + NOISE * rng.standard_normal(shape), expected


def seeds_only_unequal(rng: np.random.Generator, shape: Shape) -> Drawn:
    """The same, and each variant's seeds vary more than those of the one before."""
    expected = np.broadcast_to(_level(rng, shape), shape[:2])
    scale = np.linspace(0.2, 2, shape[0])[:, None, None]
    return expected[..., None] + NOISE * scale * rng.standard_normal(shape), expected
