"""What a step of training costs: its speed, its memory, and the activations that it keeps."""

import gc
from typing import Any

import torch
from torch import nn

from dynconv import keyed, models
from dynconv.data.batches import Batches
from dynconv.engine.gradients import gradients
from dynconv.engine.optim import temperature
from dynconv.engine.peak_memory import PeakMemory
from dynconv.engine.setup import Setup
from dynconv.engine.shares import Shares
from dynconv.engine.single import Single
from dynconv.engine.timing import Pace, timed
from dynconv.study import Study

PACE = Pace(aim_s=0.25, limit_s=0.75, block_s=0.02)


class Step:
    """A new network and optimiser with the first batch of a training; `step()` does what the training loop does.

    The learning rate is 0: every call finds the same network and does the same work.
    """

    def __init__(self, study: Study, variant: str, place: Setup, data: Batches, shares: Shares):
        self.task, self.recipe = place.task, place.recipe
        torch.manual_seed(0)
        module = place.build(study, variant).train()
        self.strategy = Single(place.world, place.device, self.recipe)
        self.strategy.attach(module, shares.accumulate, None)
        models.anneal(module, temperature=temperature(self.recipe, 0, shares.steps), fraction=0.0)
        order = keyed.permutation(0, 0, len(data), data.index_device)
        self.parts = shares.of_epoch(order)[0]
        ids = torch.cat([part.ids for part in self.parts])
        self.x, self.y = data.augmented(ids, self.recipe.augment, seed=0, epoch=0, task=self.task.name)
        self.keys = keyed.keys(0, 0, ids.to(place.device), "noise")

    def __call__(self) -> None:
        """Forward, backward, and a step of the optimiser."""
        gradients(self.strategy, self.task, self.recipe, self.parts, self.x, self.y, self.keys)
        self.strategy.step(lr=0.0)


def measure(study: Study, variant: str, place: Setup, data: Batches) -> dict[str, Any]:
    """The columns of a training step; none where a step does not fit in the GPU's memory at all.

    Where it does not fit as it stands its micro-batches are halved, as training does.
    """
    recipe, n = place.recipe, len(data)
    accumulate = recipe.accumulate
    while True:
        shares = Shares(n, recipe.batch(n), recipe.drop_last, accumulate, place.world)
        try:
            return _measure(study, variant, place, data, shares)
        except torch.OutOfMemoryError:
            accumulate *= 2
            if not shares.can_be(accumulate):
                return {}
        gc.collect()  # only here, outside of `except`: the error's traceback held the tensors of the step
        torch.cuda.empty_cache()


def _measure(study: Study, variant: str, place: Setup, data: Batches, shares: Shares) -> dict[str, Any]:
    with PeakMemory(place.device) as memory:
        step = Step(study, variant, place, data, shares)
        step()
        step()  # now the optimiser has its state
    timing = timed(step, place.device, PACE)
    part = step.x[: len(step.parts[0].ids)].clone()  # of a view the whole batch would count
    models.give_keys(step.strategy.module, step.keys[: len(part)])
    with step.strategy.autocast():
        kept = activation_bytes(step.strategy.plain(), part)
    return {
        "train_batch_size": len(step.x),
        "accumulate": shares.accumulate,
        **timing.rate("train_samples_per_s", len(step.x)),
        "train_memory_bytes": memory.bytes,
        "activation_bytes": round(kept / len(part)),
    }


def activation_bytes(model: nn.Module, x: torch.Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, counting each storage once and the model's own not at all."""
    kept: dict[int, int] = {}
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(x)  # kept alive until counted, so that no storage's address is used twice
    total = sum(kept.values())
    del output
    return total
