from itertools import combinations, product

import numpy as np
import pytest

from dynconv.stats.max_t import romano_wolf


def _statistics(differences):
    """|t| of each row, NaN left out; NaN where there is none, infinite where all differences are equal."""
    result = []
    for row in differences:
        row = row[~np.isnan(row)]
        if len(row) < 2 or not row.any():
            result.append(np.nan)
        else:
            error = row.std(ddof=1) / np.sqrt(len(row))
            result.append(abs(row.mean()) / error if error > 1e-12 * np.abs(row).max() else np.inf)
    return np.array(result)


def _by_definition(differences):
    observed = _statistics(differences)
    left = [i for i in np.argsort(-observed, kind="stable") if not np.isnan(observed[i])]
    flipped = [_statistics(differences * signs) for signs in product([1, -1], repeat=differences.shape[1])]
    p, least = np.full(len(differences), np.nan), 0.0
    while left:
        best = left[0]
        reached = np.mean([max(statistics[left]) >= observed[best] * (1 - 1e-9) for statistics in flipped])
        p[best] = least = max(least, reached)
        left = left[1:]
    return p


@pytest.mark.parametrize("kind", ["plain", "ties", "missing", "degenerate"])
@pytest.mark.parametrize("seed", range(3))
def test_by_definition(kind, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 7)) + np.array([[0.8], [0.5], [0], [0]])
    differences = np.array([values[i] - values[j] for i, j in combinations(range(4), 2)])
    if kind == "ties":
        differences = np.round(2 * differences) / 20
    if kind == "missing":
        differences[rng.random(differences.shape) < 0.25] = np.nan
    if kind == "degenerate":
        differences[0], differences[1], differences[2] = 0, 0.1, np.nan
        differences[3, 1:] = np.nan  # one dataset: no standard error
    assert romano_wolf(differences, resamples=100, seed=0) == pytest.approx(_by_definition(differences), nan_ok=True)


def test_floor_and_units():
    differences = np.full((1, 8), 0.1)
    assert romano_wolf(differences, resamples=100, seed=0) == [2 / 2**8]
    rng = np.random.default_rng(0)
    differences = rng.normal(size=(3, 10))
    expected = romano_wolf(differences, resamples=100, seed=0)
    assert (romano_wolf(differences * [[1e-200], [1e200], [-1.0]], resamples=100, seed=0) == expected).all()


def test_sampled_beyond_16_datasets():
    rng = np.random.default_rng(1)
    differences = rng.normal(size=(6, 40)) + np.linspace(0, 1.5, 6)[:, None]
    p = romano_wolf(differences, resamples=999, seed=3)
    assert (romano_wolf(differences, resamples=999, seed=3) == p).all()
    assert p[-1] == 1 / 1000  # the observed pattern counts
    order = rng.permutation(6)
    assert (romano_wolf(differences[order], resamples=999, seed=3) == p[order]).all()
    # Datasets on which nothing differs anywhere have no sign: 16 others are few enough to count every pattern.
    few = np.concatenate([differences[:, :16], np.zeros((6, 100))], axis=1)
    assert (romano_wolf(few, resamples=999, seed=3) == romano_wolf(few, resamples=10, seed=4)).all()


def test_exact_and_sampled_agree():
    differences = np.random.default_rng(5).normal(size=(5, 16)) + 0.5
    exact = romano_wolf(differences, resamples=1, seed=0)
    doubled = np.concatenate([differences, np.full((5, 1), 1e-9)], axis=1)  # a 17th: sampled, hardly changed
    assert romano_wolf(doubled, resamples=20_000, seed=0) == pytest.approx(exact, abs=0.02)


def test_dependence_is_used():
    one = np.random.default_rng(2).normal(size=(1, 12)) + 0.7
    alone = romano_wolf(one, resamples=100, seed=0)[0]
    copies = np.concatenate([one * scale for scale in (1, 2, 3, -4, 0.1)])
    assert romano_wolf(copies, resamples=100, seed=0) == pytest.approx(np.full(5, alone))  # Holm: five times that


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 1)])
def test_nothing_to_test(shape):
    assert np.isnan(romano_wolf(np.ones(shape), resamples=100, seed=0)).all()


def test_sampled_patterns_never_fall_below_a_pairs_own_sign_patterns():
    rng = np.random.default_rng(0)
    for seed in range(20):
        differences = np.full((2, 20), np.nan)
        differences[0, :5] = 1 + rng.random(5)  # 2 of its 32 patterns are as extreme
        differences[1] = rng.standard_normal(20)
        assert romano_wolf(differences, resamples=100, seed=seed)[0] >= 2 / 32
