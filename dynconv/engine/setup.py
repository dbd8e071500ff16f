"""What training and profiling a network on a dataset both begin with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from dynconv import data, tasks
from dynconv.data import Prepared
from dynconv.data.augment import check as check_augment
from dynconv.data.staging import open_staged
from dynconv.engine.device import choose_device
from dynconv.engine.world import World
from dynconv.study import Recipe, Study
from dynconv.tasks import Task


class Setup(NamedTuple):
    """A dataset, checked and open, and where this process works on it."""

    task: Task
    recipe: Recipe
    device: torch.device
    prepared: Prepared
    world: World

    @property
    def meta(self) -> dict[str, Any]:
        """What `meta.json` says of the dataset."""
        return self.prepared.meta

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
    say: Callable[[str], None] = print,
) -> Setup:
    """Open `store/<dataset>` with the study's recipe for it, on `device_name`; `threads` is set for this process.

    Where nodes keep copies of the data (`dynconv.data.staging`), that is opened, and `say` takes a line on it.

    Raises:
        DynconvError: unknown dataset, recipe or device, or data that are missing or altered.
    """
    world = world or World()
    task = tasks.get(data.spec(dataset).task)
    recipe = study.recipe(dataset, task.name)
    check_augment(recipe.augment, task.name)
    device = choose_device(device_name, world)
    if threads:
        torch.set_num_threads(threads)
    prepared = open_staged(store / dataset, dataset, say if world.local_rank == 0 else None)  # each node has its own
    return Setup(task, recipe, device, prepared, world)
