"""dynconv's side: the prepared arrays, and a step."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from images import Images
from torch import nn

from dynconv.data.augment import augment
from dynconv.data.batches import Batches
from dynconv.engine.single import Single
from dynconv.engine.world import World
from dynconv.recipe import Recipe

NAMES = ("pad_crop", "flip")


class Data:
    """Batches for ever: a new order and new numbers each epoch."""

    def __init__(self, images: Images, batch: int, device: torch.device):
        self._data, self._batch, self._device = Batches(images.arrays, images.meta, device), batch, device
        self._ids = self._places()

    def _places(self) -> Iterator[tuple[int, torch.Tensor]]:
        epoch = 0
        while True:
            order = torch.randperm(len(self._data), generator=torch.Generator().manual_seed(epoch)).to(self._device)
            for ids in order.split(self._batch):
                yield epoch, ids
            epoch += 1

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, ids = next(self._ids)
        return self._data.augmented(ids, NAMES, seed=0, epoch=epoch, task="classification")

    def next_in_two(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The same bits from normalised images: what augmentation after normalisation costs."""
        epoch, ids = next(self._ids)
        return augment(*self._data.get(ids), NAMES, seed=0, epoch=epoch, ids=ids, task="classification")


def steps(model: nn.Module, data: Data, device: torch.device) -> Callable[[], int]:
    """One call: one step of the engine with its recipe's mixed precision (bf16 on a GPU)."""
    if device.type == "cuda":
        model = model.to(memory_format=torch.channels_last)
    strategy = Single(World(), device, Recipe(lr=0.01, weight_decay=1e-4, nesterov=False))
    strategy.attach(model, 1, None)
    model.train()

    def step() -> int:
        x, y = data.next()
        with strategy.autocast():
            loss = F.cross_entropy(strategy.model(x), y)
        strategy.backward(loss)
        strategy.step(0.01)
        return len(x)

    return step
