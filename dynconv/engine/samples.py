"""Training examples for the eye: as they are stored, and as the recipe's augmentation hands them to the network."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynconv import data
from dynconv.data.batches import Batches
from dynconv.data.chosen import choose
from dynconv.data.sheet import Example, Row, Sheet
from dynconv.data.steps import check as check_steps
from dynconv.data.store import Split, open_store
from dynconv.study import Study

BESIDE = 3  # epochs, or further examples, beside each stored example
_IMAGES, _LINES = 4, 6  # examples on a sheet: of images, and of series by the channels of one


def sheet(study: Study, dataset: str, store: Path) -> Sheet:
    """A few training examples of different classes, augmented as in the first epochs of the study's first seed.

    The same study and data give the same sheet.  The arrays' digests are not checked: training does that.

    Raises:
        DynconvError: the study has no such dataset, its recipe is not valid, or its data are missing or damaged.
    """
    task = data.spec(dataset).task
    steps, seed = study.recipe(dataset, task).augment, study.seeds[0]
    check_steps(steps, task)
    prepared = open_store(store / dataset, dataset, hashes=False)
    train, meta = prepared.train, prepared.meta
    count = max(2, _LINES // meta["shape"][0]) if task == "timeseries" else _IMAGES
    chosen = choose(train, len(meta["classes"]), count, 1 if steps else 1 + BESIDE)
    if steps:
        epochs = _augmented(train, meta, [ids[0] for _, ids in chosen], steps, seed, task)
        others = list(zip(*epochs, strict=True))
    else:
        others = [tuple(_stored(train, index) for index in ids[1:]) for _, ids in chosen]
    rows = [
        Row(ids[0], label, _stored(train, ids[0]), beside) for (label, ids), beside in zip(chosen, others, strict=True)
    ]
    return Sheet(dataset, meta["toy"], tuple(meta["classes"]), tuple(steps), seed, tuple(rows))


def _augmented(
    train: Split, meta: dict[str, Any], ids: list[int], steps: tuple[str, ...], seed: int, task: str
) -> list[list[Example]]:
    """The examples `ids` in each of the first epochs, from the tensors that training gets, in stored units again."""
    batches = Batches(train, meta, "cpu")
    epochs = []
    for epoch in range(BESIDE):
        x, y = batches.augmented(torch.tensor(ids), steps, seed=seed, epoch=epoch, task=task)
        if train.x.dtype == np.uint8:
            mean, std = (torch.tensor(meta[key])[None, :, None, None] for key in ("mean", "std"))
            x = (x * std + mean).round().clamp(0, 255).to(torch.uint8)
        masks = y.to(torch.uint8).numpy() if y.ndim == 3 else [None] * len(ids)
        epochs.append([Example(one, mask) for one, mask in zip(x.numpy(), masks, strict=True)])
    return epochs


def _stored(train: Split, index: int) -> Example:
    return Example(np.array(train.x[index]), np.array(train.y[index]) if train.y.ndim == 3 else None)
