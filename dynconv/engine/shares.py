"""Which examples a process takes of each step: the same global batches, however many processes there are."""

from typing import NamedTuple

import torch

from dynconv.data.batches import split_epoch, steps_per_epoch
from dynconv.engine.world import World
from dynconv.errors import DynconvError


class Part(NamedTuple):
    """This process' share of one micro-batch."""

    ids: torch.Tensor  # int64 [b]
    weight: float  # of the whole micro-batch in the whole batch, 0 to 1


class Shares:
    """Epochs cut into batches, those into micro-batches, and those among the processes of `world`.

    Args:
        n: examples of the training split.
        batch_size: of the whole batch.
        drop_last: leave out what fills no batch.
        accumulate: micro-batches a step.
        world: the processes.

    Raises:
        DynconvError: the smallest micro-batch has fewer examples than there are processes.
    """

    def __init__(self, n: int, batch_size: int, drop_last: bool, accumulate: int, world: World):
        self.batch_size, self.drop_last, self.accumulate, self.world = batch_size, drop_last, accumulate, world
        self.steps = steps_per_epoch(n, batch_size, drop_last)  # an epoch
        self.seen = self.steps * batch_size if drop_last else n  # examples an epoch
        self.least = least = batch_size if drop_last else n // self.steps  # examples of the smallest batch
        if least < accumulate * world.size:
            raise DynconvError(
                f"batches of {least} examples cannot be cut into {accumulate} micro-batches for {world.size} "
                f"processes: each needs an example; valid: accumulate x processes up to {least}"
            )

    @property
    def largest(self) -> int:
        """Examples of this process' largest micro-batch."""
        return -(-self.batch_size // (self.accumulate * self.world.size))

    def for_at_most(self, examples: int) -> int:
        """Micro-batches a step, doubled from these until none has more than `examples`, or one is the least."""
        accumulate = self.accumulate
        while -(-self.batch_size // (accumulate * self.world.size)) > examples and self.can_be(2 * accumulate):
            accumulate *= 2
        return accumulate

    def can_be(self, accumulate: int) -> bool:
        """Are there enough examples for so many micro-batches a step?"""
        return accumulate * self.world.size <= self.least

    def of_epoch(self, order: torch.Tensor) -> list[list[Part]]:
        """This process' parts of every batch of the epoch; `order` int64 [n]."""
        return [self._parts(batch) for batch in split_epoch(order, self.batch_size, self.drop_last)]

    def _parts(self, batch: torch.Tensor) -> list[Part]:
        whole = batch.tensor_split(self.accumulate)
        return [Part(ids.tensor_split(self.world.size)[self.world.rank], len(ids) / len(batch)) for ids in whole]
