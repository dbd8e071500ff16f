"""Which examples of a split are shown: the first of each of a few classes.  A function of the data alone.

What a network makes of an example has no part in the choice, so nobody can choose the flattering ones.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dynconv.data.base import VOID
from dynconv.data.sheet import Example, Excerpt
from dynconv.data.store import Split, open_store
from dynconv.data.thumbnail import thin

_SCANNED = 500  # masks that are looked at: the classes of a photograph are not known without reading it
_TESTED = 6  # test examples that are shown with their predictions
_THINNED = 100  # masks that are looked at for them, as small as they will be shown


def of_test(test: Split, classes: int) -> list[int]:
    """The places in the test split of the examples that are shown with their predictions, by class; at most 6."""
    masks = None if test.y.ndim == 1 else [thin(mask) for mask in test.y[:_THINNED]]
    return [ids[0] for _, ids in choose(test, classes, _TESTED, 1, masks)]


def excerpt(dataset: str, store: Path) -> Excerpt:
    """The test examples of a prepared dataset that are shown with their predictions, as they are stored.

    Raises:
        DynconvError: its data are missing or damaged.  The arrays' digests are not checked: training does that.
    """
    _, test, meta = open_store(store / dataset, dataset, hashes=False)
    classes, masked = tuple(meta["classes"]), test.y.ndim > 1
    ids = of_test(test, len(classes))
    found = tuple(Example(np.array(test.x[index]), np.array(test.y[index]) if masked else None) for index in ids)
    targets = tuple(None if masked else int(test.y[index]) for index in ids)
    return Excerpt(dataset, meta["toy"], meta["dataset_hash"], classes, tuple(ids), targets, found)


def choose(
    split: Split, classes: int, count: int, each: int, masks: Sequence[np.ndarray] | None = None
) -> list[tuple[int, list[int]]]:
    """Up to `count` classes, spread over those that occur, each with the first (up to `each`) examples that show it.

    Of a split with masks, `masks` [H, W] are those that are looked at; by default the first 500.
    """
    showing = _by_class(split, classes, masks)
    labels = sorted(showing)
    picked = {labels[place] for place in np.linspace(0, len(labels) - 1, min(count, len(labels))).round().astype(int)}
    chosen: list[tuple[int, list[int]]] = []
    for label in sorted(picked):
        # An image may show many classes, but is chosen once.
        ids = [index for index in showing[label] if all(index not in taken for _, taken in chosen)][:each]
        if ids:
            chosen.append((label, ids))
    return chosen


def _by_class(split: Split, classes: int, masks: Sequence[np.ndarray] | None) -> dict[int, list[int]]:
    """The first examples of each class that occurs, in the order of the split."""
    if split.y.ndim == 1:
        labels = np.array(split.y)
        return {int(label): np.flatnonzero(labels == label).tolist() for label in np.unique(labels)}
    seen = list(split.y[:_SCANNED]) if masks is None else masks
    counts = [np.bincount(mask.ravel(), minlength=VOID + 1)[:classes] for mask in seen]
    present = [set(np.flatnonzero(count).tolist()) for count in counts]
    everywhere = set.intersection(*present)  # the background: no image is an example of it
    found = set.union(*present) - everywhere
    if not found:  # masks of one class: any image will do
        return {min(everywhere, default=0): list(range(len(seen)))}
    return {label: [index for index, labels in enumerate(present) if label in labels] for label in found}
