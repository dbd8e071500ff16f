"""What training changes, beside the network and its optimiser."""

import math
from typing import Any

import torch

from dynconv.engine.ema import Average
from dynconv.engine.energy import Meter
from dynconv.engine.optim import Schedule
from dynconv.engine.world import World
from dynconv.study import Recipe


class State:
    """Where the training stands.  What is not here, nor in the strategy, is a function of recipe, seed and step."""

    def __init__(self, recipe: Recipe, steps_per_epoch: int, meter: Meter | None = None):
        self.meter = meter
        self.schedule = Schedule(recipe, steps_per_epoch)
        self.average = None if recipe.ema_decay is None else Average(recipe.ema_decay)
        self.step = 0  # optimiser steps done
        self.train_s = 0.0  # seconds of training so far, over all attempts
        self.data_wait_s = 0.0  # of them, waiting for batches
        self.energy_j: float | None = 0.0  # of all processes' GPUs; None if one cannot tell
        self.metrics: list[dict[str, Any]] = []  # rows of finished epochs
        self.diagnostics: list[dict[str, Any]] = []  # rows of finished epochs
        self.diagnostics_s = 0.0  # seconds that they took, none of them in train_s
        # Loss, count of its terms and auxiliary loss of each step of the unfinished epoch: [3], float64.
        self.sums: list[torch.Tensor] = []  # of the whole batch
        self.shares: list[torch.Tensor] = []  # of this process, for the steps after those

    def meet(self, world: World) -> torch.Tensor:
        """Add up what the processes have of the epoch so far; collective.  [steps, 3], the same everywhere."""
        if self.shares:
            self.sums += list(world.sum(torch.stack(self.shares)).unbind())
            self.shares = []
        return torch.stack(self.sums) if self.sums else torch.zeros(0, 3)

    def account(self, world: World) -> None:
        """Take in the energy that the processes have used since the last call; collective."""
        joules = self.meter.joules() if self.meter else None
        used = world.sum(torch.tensor(math.nan if joules is None else joules, dtype=torch.float64)).item()
        self.energy_j = None if self.energy_j is None or math.isnan(used) else self.energy_j + used

    def content(self) -> dict[str, Any]:
        """All of it, for a checkpoint; call `meet` and `account` before."""
        return {
            "schedule": self.schedule.state,
            "average": {} if self.average is None else self.average.values,
            "step": self.step,
            "train_s": self.train_s,
            "data_wait_s": self.data_wait_s,
            "energy_j": self.energy_j,
            "metrics": self.metrics,
            "diagnostics": self.diagnostics,
            "diagnostics_s": self.diagnostics_s,
            "sums": self.sums,
        }

    def restore(self, content: dict[str, Any], device: torch.device) -> None:
        """Take over what `content` gave."""
        self.schedule.state = content["schedule"]
        if self.average is not None:
            self.average.values = {name: value.to(device) for name, value in content["average"].items()}
        for name in ("step", "train_s", "data_wait_s", "energy_j", "metrics", "diagnostics", "diagnostics_s"):
            setattr(self, name, content[name])
        self.sums = [value.to(device) for value in content["sums"]]
