"""The crossed bootstrap against its definitions, against brute force, and for its coverage."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from dynconv import records
from dynconv.errors import DynconvError
from dynconv.records import TABLES
from dynconv.stats import crossed
from dynconv.stats.predictions import Confusions, Labels, PredictionFile
from dynconv.stats.resampled import draws, statistic
from dynconv.tasks.classification import TASK as CLASSIFICATION
from dynconv.tasks.segmentation import TASK as SEGMENTATION

OPTIONS = {"alpha": 0.05, "resamples": 500, "seed": 0}
CLASSES = 4


def sums(task, logits, target):
    return task.metrics(task.sums(logits, target, torch.ones(len(target), dtype=torch.bool)))


@pytest.fixture
def images():
    """images(dataset, runs) -> (predictions frame, metrics by run): networks of noise, as training writes them."""

    def make(dataset, runs, n=40):
        generator = torch.Generator().manual_seed(0)
        target = torch.randint(CLASSES, (n,), generator=generator)
        frames, metrics = [], {}
        for variant, seed in runs:
            logits = torch.nn.functional.one_hot(target, CLASSES) + torch.randn(n, CLASSES, generator=generator)
            metrics[variant, seed] = sums(CLASSIFICATION, logits, target)
            columns = CLASSIFICATION.predictions(logits, target)
            keys = {"run_id": f"{dataset}/{variant}/{seed}", "dataset": dataset, "variant": variant, "seed": seed}
            frames.append(pd.DataFrame({**keys, "example_id": range(n), **columns}))
        return pd.concat(frames), metrics

    return make


@pytest.fixture
def masks():
    """As `images`, for segmentation: with void pixels, and a class that few images have."""

    def make(dataset, runs, n=12):
        generator = torch.Generator().manual_seed(0)
        target = torch.randint(CLASSES - 1, (n, 6, 6), generator=generator)
        target[0, 0], target[:, 1, :2] = CLASSES - 1, 255
        frames, metrics = [], {}
        for variant, seed in runs:
            truth = torch.nn.functional.one_hot(target % 255 % CLASSES, CLASSES).movedim(-1, 1)
            logits = 2 * truth + torch.randn(n, CLASSES, 6, 6, generator=generator)
            logits[:, CLASSES - 1] -= 3
            metrics[variant, seed] = sums(SEGMENTATION, logits, target)
            columns = SEGMENTATION.predictions(logits, target)
            keys = {"run_id": f"{dataset}/{variant}/{seed}", "dataset": dataset, "variant": variant, "seed": seed}
            frames.append(pd.DataFrame({**keys, "example_id": range(n), **columns}))
        return pd.concat(frames), metrics

    return make


RUNS = [(variant, seed) for variant in ("a", "b", "c") for seed in range(4)]


def loaded(tmp_path, frame):
    records.write("predictions", frame, tmp_path / "predictions.parquet")
    return PredictionFile(tmp_path / "predictions.parquet").load("d")


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("images", "accuracy"), ("images", "balanced_accuracy"), ("masks", "miou"), ("masks", "pixel_accuracy")],
)
def test_what_training_reported_is_recomputed(tmp_path, request, kind, metric):
    frame, metrics = request.getfixturevalue(kind)("d", RUNS)
    runs = {run: found[metric] for run, found in metrics.items()}
    (row,) = crossed.rows(loaded(tmp_path, frame), runs, [("a", "b")], metric=metric, **OPTIONS)
    assert row["max_mismatch"] == pytest.approx(0, abs=1e-12)
    means = {v: np.mean([value for run, value in runs.items() if run[0] == v]) for v in "ab"}
    assert row["mean_diff"] == pytest.approx(means["a"] - means["b"])
    assert (row["n_a"], row["n_b"], row["coverage"], row["n_ignored"]) == (4, 4, 1, 0)
    assert set(row) == {column.name for column in TABLES["crossed"].columns} - {"task"}
    for name in ("seeds", "examples", "crossed"):
        assert row[f"{name}_ci_low"] < row["mean_diff"] < row[f"{name}_ci_high"]


@pytest.mark.parametrize(
    ("kind", "task", "metric"),
    [
        ("images", CLASSIFICATION, "accuracy"),
        ("images", CLASSIFICATION, "balanced_accuracy"),
        ("masks", SEGMENTATION, "miou"),
        ("masks", SEGMENTATION, "pixel_accuracy"),
    ],
)
def test_a_resample_has_the_metric_that_those_examples_would_have_had(tmp_path, request, kind, task, metric):
    """Each metric of weighted examples is the task's own metric of the examples repeated as often."""
    frame, _ = request.getfixturevalue(kind)("d", RUNS[:2])
    predicted = loaded(tmp_path, frame)
    n = len(predicted.examples)
    counts = np.concatenate(list(draws(n, 20, np.random.default_rng(0))))
    got = statistic(predicted, metric, np.arange(n), np.arange(2))(counts)
    for r, run in enumerate(predicted.runs):
        mine = frame[(frame["variant"] == run[0]) & (frame["seed"] == run[1])]
        for count, value in zip(counts, got[:, r], strict=True):
            rows = mine.iloc[np.repeat(np.arange(n), count.astype(int))]
            if kind == "masks":
                confusion = torch.tensor(rows["confusion"].tolist(), dtype=torch.float64).sum(0)
                expected = task.metrics({"confusion": confusion.view(CLASSES, CLASSES), "loss": torch.zeros(())})
            else:
                target, hit = torch.tensor(rows["target"].to_numpy()), torch.tensor(rows["prediction"].to_numpy())
                found = {
                    "hits": torch.bincount(target[target == hit], minlength=CLASSES).double(),
                    "count": torch.bincount(target, minlength=CLASSES).double(),
                }
                expected = task.metrics({**found, "top5": torch.zeros(()), "loss": torch.zeros(())})
            assert value == pytest.approx(expected[metric], abs=1e-12)


def test_draws_are_counts_of_a_bootstrap():
    counts = np.concatenate(list(draws(7, 5000, np.random.default_rng(0))))
    assert counts.shape == (5000, 7)
    assert (counts.sum(axis=1) == 7).all()
    share = np.mean(counts == 0)  # binomial(7, 1/7)
    assert share == pytest.approx((6 / 7) ** 7, abs=0.02)
    blocks = [len(block) for block in draws(600_000, 3, np.random.default_rng(0))]
    assert blocks == [1, 1, 1]


def predicted_of(correct_a, correct_b):
    correct = np.concatenate([correct_a, correct_b], axis=1).astype(float)
    runs = [("a", s) for s in range(correct_a.shape[1])] + [("b", s) for s in range(correct_b.shape[1])]
    n = len(correct)
    return Labels("d", runs, np.arange(n), np.ones(correct.shape, bool), np.zeros(n, int), correct)


def simulated(rng, n, seeds, *, spread):
    """Two variants' right answers: of common difficulty, each variant's taste, each network's level and luck."""
    easy = 2 * rng.standard_normal(n)
    return [
        level
        + easy[:, None]
        + 0.5 * rng.standard_normal(n)[:, None]
        + spread * rng.standard_normal(s)
        + rng.standard_normal((n, s))
        > 0
        for level, s in zip((1.0, 1.2), seeds, strict=True)
    ]


def intervals(correct, resamples, rng):
    a, b = correct
    predicted = predicted_of(a, b)
    drawn = crossed._resample(predicted, "accuracy", np.ones(len(a), bool), resamples, rng)
    return crossed._pair(drawn, np.arange(a.shape[1]), a.shape[1] + np.arange(b.shape[1]), len(a), 0.05)


def test_variances_are_those_of_the_analysis_of_variance():
    """Accuracy is linear, so that all three have closed forms; the crossed one is neither of the naive sums."""
    rng = np.random.default_rng(0)
    a, b = simulated(rng, 300, (4, 6), spread=0.3)
    row = intervals((a, b), 20_000, rng)
    seeds = [x.mean(axis=0).var(ddof=1) / x.shape[1] for x in (a, b)]
    examples = (a.mean(axis=1) - b.mean(axis=1)).var(ddof=1) / 300
    luck = 0.0
    for x in (a.astype(float), b.astype(float)):
        rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
        luck += (rest**2).sum() / ((x.shape[1] - 1) * 299) / x.size
    parts = np.array([*seeds, examples - luck])
    df = parts.sum() ** 2 / (parts**2 / np.array([3, 5, 299])).sum()
    half = stats.t.ppf(0.975, df) * np.sqrt(parts.sum())
    assert (row["crossed_ci_high"] - row["crossed_ci_low"]) / 2 == pytest.approx(half, rel=0.02)
    half = stats.t.ppf(0.975, 299) * np.sqrt(examples)
    assert (row["examples_ci_high"] - row["examples_ci_low"]) / 2 == pytest.approx(half, rel=0.02)
    welch = stats.ttest_ind(a.mean(axis=0), b.mean(axis=0), equal_var=False).confidence_interval()
    assert (row["seeds_ci_low"], row["seeds_ci_high"]) == pytest.approx((welch.low, welch.high))


def test_a_pigeonhole_bootstrap_would_count_the_luck_of_networks_three_times():
    """Owen (2007): why seeds and examples are not simply drawn at once.  Networks that differ by luck alone."""
    rng = np.random.default_rng(1)
    n, s = 200, 5
    x = rng.random((n, s)) < 0.7
    picks, rows = rng.integers(s, size=(4000, s)), rng.integers(n, size=(4000, n))
    pigeonhole = np.array([x[np.ix_(row, pick)].mean() for row, pick in zip(rows, picks, strict=True)]).var()
    assert pigeonhole / (x.var(ddof=1) / x.size) == pytest.approx(1 + 1 + (s - 1) / s, rel=0.25)


@pytest.mark.parametrize(("seeds", "spread"), [((3, 3), 0.05), ((5, 5), 0.0), ((4, 8), 0.1)])
def test_intervals_cover_the_truth(seeds, spread):
    rng = np.random.default_rng(3)
    repeats, n, covered = 250, 200, Counter()
    norm = np.sqrt(1 + 2**2 + 0.5**2 + spread**2)
    truth = stats.norm.cdf(1.0 / norm) - stats.norm.cdf(1.2 / norm)
    for _ in range(repeats):
        row = intervals(simulated(rng, n, seeds, spread=spread), 200, rng)
        covered["crossed"] += row["crossed_ci_low"] <= truth <= row["crossed_ci_high"]
    # Nominal: 95 %; 91 % is three standard errors below.  Few seeds of little spread err on the wide side.
    assert covered["crossed"] >= 0.91 * repeats


def test_a_pair_depends_on_nothing_else(tmp_path, images):
    frame, metrics = images("d", RUNS)
    runs = {run: found["accuracy"] for run, found in metrics.items()}
    predicted = loaded(tmp_path, frame)
    every = crossed.rows(predicted, runs, [("c", "b"), ("a", "c"), ("a", "b")], metric="accuracy", **OPTIONS)
    less = frame[frame["variant"] != "c"].sample(frac=1, random_state=0)
    few = crossed.rows(loaded(tmp_path, less), runs, [("a", "b")], metric="accuracy", **OPTIONS)
    assert every[2] == few[0]
    other_seed = crossed.rows(predicted, runs, [("a", "b")], metric="accuracy", **(OPTIONS | {"seed": 1}))
    assert other_seed[0]["examples_ci_low"] != few[0]["examples_ci_low"]


def test_missing_predictions_are_counted(tmp_path, images):
    frame, metrics = images("d", RUNS)
    runs = {run: found["accuracy"] for run, found in metrics.items()}
    del runs["b", 3]  # failed, though it left predictions
    lacking = (frame["variant"] == "a") & (frame["seed"] == 0)
    frame = frame[~lacking & ~((frame["variant"] == "a") & (frame["seed"] == 1) & (frame["example_id"] < 5))]
    first, second = crossed.rows(loaded(tmp_path, frame), runs, [("a", "b"), ("b", "c")], metric="accuracy", **OPTIONS)
    assert (first["n_a"], first["n_b"], first["n_ignored"], first["n_examples"]) == (3, 3, 1, 35)
    assert first["coverage"] == pytest.approx(6 / 7)
    assert first["max_mismatch"] > 0  # run a/1 was reported over 40 examples
    assert second["max_mismatch"] == pytest.approx(0, abs=1e-12)
    assert (second["n_a"], second["n_b"], second["n_examples"]) == (3, 4, 40)


@pytest.mark.filterwarnings("error")
def test_what_does_not_exist_is_nan(tmp_path, images):
    frame, metrics = images("d", RUNS)
    runs = {run: found["accuracy"] for run, found in metrics.items()}
    single = {run: value for run, value in runs.items() if run[0] != "a" or run[1] == 2}
    predicted = loaded(tmp_path, frame)
    one, none = crossed.rows(predicted, single, [("a", "b"), ("a", "x")], metric="accuracy", **OPTIONS)
    assert np.isnan([one["seeds_ci_low"], one["crossed_ci_high"]]).all()
    assert one["examples_ci_low"] < one["mean_diff"] < one["examples_ci_high"]  # networks fixed: one is enough
    assert (none["n_a"], none["n_b"], none["n_examples"]) == (1, 0, 0)
    assert np.isnan([none["mean_diff"], none["examples_ci_low"]]).all()
    perfect = frame.assign(prediction=frame["target"])
    (row,) = crossed.rows(
        loaded(tmp_path, perfect), dict.fromkeys(runs, 1.0), [("a", "b")], metric="accuracy", **OPTIONS
    )
    assert row["mean_diff"] == 0
    assert np.isnan([row["seeds_ci_low"], row["examples_ci_low"], row["crossed_ci_low"]]).all()


@pytest.mark.filterwarnings("error")
def test_networks_that_agree_but_for_the_last_bits_have_no_interval():
    """.7 three times and .7 seven times have means and spreads that differ by rounding alone."""
    right = np.arange(100)[:, None] < 70
    row = intervals((np.repeat(right, 3, axis=1), np.repeat(right, 7, axis=1)), 100, np.random.default_rng(0))
    assert row["mean_diff"] == 0
    assert np.isnan([row["seeds_ci_low"], row["examples_ci_low"], row["crossed_ci_low"]]).all()


def test_a_metric_that_predictions_do_not_determine(tmp_path, images):
    frame, _ = images("d", RUNS)
    message = "metric 'accuracy_top5' cannot be recomputed from the predictions; valid: accuracy, balanced_accuracy"
    with pytest.raises(DynconvError, match=message):
        runs = dict.fromkeys(RUNS, 0.5)
        crossed.rows(loaded(tmp_path, frame), runs, [("a", "b")], metric="accuracy_top5", **OPTIONS)
    with pytest.raises(DynconvError, match="valid: miou, pixel_accuracy"):
        nothing = np.zeros((1, 1, 2))
        confusions = Confusions("d", [("a", 0)], np.arange(1), np.ones((1, 1), bool), nothing, nothing, np.zeros(1))
        statistic(confusions, "accuracy", np.arange(1), np.arange(1))


@pytest.mark.parametrize("seeds", [2, 3, 6])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_new_seeds_and_new_examples_are_never_surer_than_either(seeds, level):
    rng, n = np.random.default_rng(seeds), 60
    runs = [(variant, seed) for variant in ("a", "b") for seed in range(seeds)]
    right = 0.7 + level * rng.standard_normal(len(runs))
    correct = (rng.random((n, len(runs))) < right).astype(float)
    labels = Labels("d", runs, np.arange(n), np.ones(correct.shape, bool), np.zeros(n, int), correct)
    values = dict(zip(runs, correct.mean(axis=0), strict=True))
    (row,) = crossed.rows(labels, values, [("a", "b")], metric="accuracy", **OPTIONS)
    for name in ("seeds", "examples"):
        assert row["crossed_ci_low"] <= row[f"{name}_ci_low"] <= row["mean_diff"]
        assert row["mean_diff"] <= row[f"{name}_ci_high"] <= row["crossed_ci_high"]
