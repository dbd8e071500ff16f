"""What an evaluation keeps of a few test examples for the eye: predicted masks, and where the network computed."""

import io
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dynconv.data.chosen import of_test
from dynconv.data.store import Split
from dynconv.data.thumbnail import thin
from dynconv.engine.world import World
from dynconv.models.branches import mask_units
from dynconv.tasks import Task


class Shown:
    """Looks on while a network is evaluated, for the examples of `data.chosen.of_test`; no number changes by it.

    Of a task whose predictions are masks it keeps those; of a network with mask units, how many residual blocks were
    computed at each position, coarser masks enlarged to the finest (the "ponder cost maps" of Verelst & Tuytelaars
    2020, arXiv 1912.03203).  Other networks have nothing to be kept, and cost nothing.
    A look that fails, whatever the cause, ends the looking and not the run.

    Args:
        model: the trained network; as a context, this listens to its mask units.
        task: tells what a predicted mask is.
        test: the split that is evaluated.
        classes: how many there are.
        say: hears of a look that fails, one line.
    """

    def __init__(self, model: nn.Module, task: Task, test: Split, classes: int, say: Callable[[str], None]) -> None:
        self.task, self.classes, self.say = task, classes, say
        self.units = mask_units(model)
        self.looks = bool(self.units) or test.y.ndim > 1  # the same in every process
        self.ids = frozenset(of_test(test, classes) if self.looks else ())
        self.computed: list[torch.Tensor] = []  # of the batch at hand: the masks [B, 1, *S] of the blocks, in order
        self.rows: list[dict[str, Any]] = []
        self.hooks: list[Any] = []

    def __enter__(self) -> Self:
        self.hooks = [unit.register_forward_hook(lambda _, __, mask: self.computed.append(mask)) for unit in self.units]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()
        self.computed.clear()

    def look(self, ids: list[int], logits: torch.Tensor, target: torch.Tensor) -> None:
        """Keep what there is of those of the examples `ids` [B] that are shown, of the batch just passed."""
        try:
            for place, example in enumerate(ids):
                if example in self.ids:
                    self._keep(example, slice(place, place + 1), logits, target)
        except Exception as error:  # a run is worth more than what is seen of it
            self.ids = frozenset()
            self.say(f"masks: none are kept from here, the run goes on: {type(error).__name__}: {error}"[:300])
        self.computed.clear()

    def gathered(self, world: World) -> list[dict[str, Any]]:
        """The rows of `masks` of all processes, without the run's keys, for the one that leads; collective."""
        rows = [row for part in world.gather(self.rows) for row in part] if self.looks else []
        return sorted(rows, key=lambda row: (row["example_id"], row["kind"]))

    def _keep(self, example: int, place: slice, logits: torch.Tensor, target: torch.Tensor) -> None:
        found = []
        if (mask := self.task.mask(logits[place], target[place])) is not None:
            found.append(("mask", self.classes, mask[0]))
        if self.computed:
            found.append(("executed", len(self.computed), _blocks([mask[place] for mask in self.computed])))
        for kind, levels, values in found:
            content = _png(values.to(torch.uint8).cpu().numpy())
            self.rows.append({"example_id": example, "kind": kind, "levels": levels, "content": content})


def _blocks(masks: list[torch.Tensor]) -> torch.Tensor:
    """How many of the masks, each [1, 1, *S] of 0 and 1, are 1 at each position of the finest: [*S]."""
    finest = max((mask.shape[2:] for mask in masks), key=lambda shape: shape.numel())
    return torch.stack([F.interpolate(mask.float(), size=finest, mode="nearest") for mask in masks]).sum(0)[0, 0]


def _png(values: np.ndarray) -> bytes:
    """`values` uint8 [H, W], or [L] as one row, thinned, as the levels of grey of a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    thinned = thin(values)
    Image.fromarray(np.ascontiguousarray(thinned if thinned.ndim == 2 else thinned[None])).save(buffer, "png")
    return buffer.getvalue()
