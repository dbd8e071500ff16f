"""What training and profiling a network on a dataset both begin with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from dynconv import data, tasks
from dynconv.data.augment import check as check_augment
from dynconv.data.cut import Rows, cut
from dynconv.data.staging import open_staged
from dynconv.data.store import Split, open_arrays, open_training
from dynconv.engine.device import choose_device
from dynconv.engine.world import World
from dynconv.study import Recipe, Study
from dynconv.tasks import Task


class Setup(NamedTuple):
    """A dataset, checked and open, and where this process works on it."""

    task: Task
    recipe: Recipe
    device: torch.device
    train: Split
    judge: Split  # what the trained network is evaluated on ...
    judge_name: str  # ... and its name: test, or the validation part in a trial
    meta: dict[str, Any]  # what `meta.json` says of the dataset
    world: World

    def build(self, study: Study, variant: str) -> nn.Module:
        """The network of `variant` for this dataset, on the device."""
        meta, recipe = self.meta, self.recipe
        model = self.task.build(study.variant(variant), meta["shape"][0], len(meta["classes"]), recipe).to(self.device)
        # On a CPU it brings these networks nothing, and torch 2.14's backward of dilated convolutions crashes on it.
        if recipe.channels_last and self.device.type == "cuda" and len(meta["shape"]) == 3:
            model = model.to(memory_format=torch.channels_last)
        return model


def setup(
    study: Study,
    dataset: str,
    store: Path,
    device_name: str,
    threads: int | None,
    world: World | None = None,
    recipe: Recipe | None = None,
    validation: tuple[float, str] | None = None,
    say: Callable[[str], None] = print,
) -> Setup:
    """Open `store/<dataset>` with the study's recipe for it, on `device_name`; `threads` is set for this process.

    Args:
        recipe: another one than the study's, as tuned or tried.
        validation: (share, key) of a part of the training split that judges (`dynconv.data.cut`); then the test split
            is not opened.  Normalisation remains that of the whole training split: it knows no label.
        say: takes a line where nodes keep copies of the data (`dynconv.data.staging`).

    Raises:
        DynconvError: unknown dataset, recipe or device, or data that are missing or altered.
    """
    world = world or World()
    task = tasks.get(data.spec(dataset).task)
    recipe = recipe or study.recipe(dataset, task.name)
    check_augment(recipe.augment, task.name)
    device = choose_device(device_name, world)
    if threads:
        torch.set_num_threads(threads)
    speak = say if world.local_rank == 0 else None  # each node has its own copy
    if validation is None:
        train, test, meta = open_staged(store / dataset, dataset, open_arrays, speak)
        return Setup(task, recipe, device, train, test, "test", meta, world)
    whole, meta = open_staged(store / dataset, dataset, open_training, speak)
    x, y = map(np.asarray, whole)  # as they are: nothing is read
    rest, part = (Split(Rows(x, places), Rows(y, places)) for places in cut(y, *validation))
    return Setup(task, recipe, device, rest, part, "validation", meta, world)
