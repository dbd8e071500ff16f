"""What training and profiling a network on a dataset both begin with."""

from pathlib import Path
from typing import NamedTuple

import torch

from dynconv import data, tasks
from dynconv.data import Prepared
from dynconv.data.augment import check as check_augment
from dynconv.data.store import open_store
from dynconv.engine.strategy import Single, choose_device
from dynconv.study import Recipe, Study
from dynconv.tasks import Task


class Setup(NamedTuple):
    """A dataset, checked and open, and how this process works on it."""

    task: Task
    recipe: Recipe
    device: torch.device
    prepared: Prepared
    strategy: Single


def setup(study: Study, dataset: str, store: Path, device_name: str, threads: int | None) -> Setup:
    """Open `store/<dataset>` with the study's recipe for it, on `device_name`; `threads` is set for this process.

    Raises:
        DynconvError: unknown dataset, recipe or device, or data that are missing or altered.
    """
    task = tasks.get(data.spec(dataset).task)
    recipe = study.recipe(dataset, task.name)
    check_augment(recipe.augment, task.name)
    device = choose_device(device_name)
    if threads:
        torch.set_num_threads(threads)
    return Setup(task, recipe, device, open_store(store / dataset, dataset), Single(device, recipe))
