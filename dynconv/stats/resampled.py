"""Metrics on resampled test examples: from how often each example was drawn to the metric of each run.

Every metric here is a ratio of sums over examples, or a mean over classes of such ratios.  So one product of matrices,
counts [resamples, examples] times what each example adds, gives it for all resamples and runs at once.  Sums are
integers in float64, exact below 2^53.
"""

from collections.abc import Callable, Iterator

import numpy as np

from dynconv.errors import DynconvError, valid
from dynconv.stats.draws import bootstrap_counts
from dynconv.stats.predictions import Confusions, Labels

METRICS = ("accuracy", "balanced_accuracy", "miou", "pixel_accuracy")  # those that predictions determine
Statistic = Callable[[np.ndarray], np.ndarray]
_BLOCK = 1 << 20  # numbers of a block of counts: few enough to stay near the processor


def statistic(predicted: Labels | Confusions, metric: str, examples: np.ndarray, runs: np.ndarray) -> Statistic:
    """The function counts [resamples, n] -> metric [resamples, R] over the n `examples` and R `runs` (indices).

    The definitions are those of training: balanced accuracy is the mean recall over the classes that occur in the
    resample, mIoU the mean intersection over union over the classes that occur in its targets or predictions, both
    from sums over all examples.

    Raises:
        DynconvError: predictions of this kind do not determine `metric`.
    """
    if isinstance(predicted, Labels) and metric in METRICS[:2]:
        correct, target = predicted.correct[np.ix_(examples, runs)], predicted.target[examples]
        if metric == "accuracy":
            return lambda counts: counts @ correct / counts.sum(axis=1, keepdims=True)
        order = np.argsort(target, kind="stable")
        correct, starts = correct[order], np.unique(target[order], return_index=True)[1]
        return lambda counts: _mean_recall(counts[:, order], correct, starts)
    if isinstance(predicted, Confusions) and metric in METRICS[2:]:
        hits = predicted.hits[np.ix_(examples, runs)]
        if metric == "pixel_accuracy":
            hits = hits.sum(axis=2, keepdims=True)  # as if there were one class
            union = np.broadcast_to(predicted.pixels[examples, None, None], hits.shape)
        else:
            union = predicted.union[np.ix_(examples, runs)]
        shape = len(runs), hits.shape[2]
        hits, union = hits.reshape(len(examples), -1), union.reshape(len(examples), -1)
        return lambda counts: _mean_ratio(counts @ hits, counts @ union, shape)
    names = METRICS[:2] if isinstance(predicted, Labels) else METRICS[2:]
    raise DynconvError(f"metric {metric!r} cannot be recomputed from the predictions; {valid(names)}")


def draws(n: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each of n examples is drawn when n are drawn with replacement: blocks [resamples of the block, n]."""
    rows = max(1, _BLOCK // n)
    for start in range(0, resamples, rows):
        yield bootstrap_counts(n, min(rows, resamples - start), rng)


def _mean_recall(counts: np.ndarray, correct: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Mean recall [resamples, R] of examples that are sorted by class; `starts` are the first ones of the classes."""
    sizes = np.add.reduceat(counts, starts, axis=1)
    total = np.zeros((len(counts), correct.shape[1]))
    for size, start, end in zip(sizes.T, starts, [*starts[1:], len(correct)], strict=True):
        # One class at a time: hits of all classes at once would not fit into memory.
        total += counts[:, start:end] @ correct[start:end] / np.maximum(size, 1)[:, None]
    return total / (sizes > 0).sum(axis=1, keepdims=True)


def _mean_ratio(hits: np.ndarray, union: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    hits, union = hits.reshape(-1, *shape), union.reshape(-1, *shape)
    with np.errstate(invalid="ignore"):  # no pixel at all in the resample: NaN
        return (hits / np.maximum(union, 1)).sum(axis=2) / (union > 0).sum(axis=2)
