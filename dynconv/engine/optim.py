"""The optimiser, and the learning rate and temperature as functions of the step."""

import inspect
import math
from typing import Any

import torch
from torch import nn

from dynconv.study import Recipe


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over every parameter; weight decay applies to all of them (as ODConv's recipe does)."""
    parameters, decay = list(model.parameters()), recipe.weight_decay
    if recipe.optimizer == "sgd":
        nesterov = recipe.nesterov and recipe.momentum > 0
        kind = _without_compiler(torch.optim.SGD)
        return kind(parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=decay, nesterov=nesterov)
    kind = _without_compiler(torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW)
    return kind(parameters, lr=recipe.lr, weight_decay=decay)


def _without_compiler(kind: type[torch.optim.Optimizer]) -> Any:
    """`kind` without what lets torch.compile look into an optimiser, which nothing here asks for.

    Its first use imports the whole compiler: 1.3 s of every process (torch 2.14), as long as a small run trains.
    """
    names = ("step", "add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    plain["step"] = torch.no_grad()(plain["step"])
    return type(kind.__name__, (kind,), plain)


class Schedule:
    """Learning rate by step: linear warm-up, then cosine, step, plateau or constant.

    Only `plateau` has state: it watches the training loss of each epoch (the test split is never looked at).
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int):
        self.recipe = recipe
        self.steps_per_epoch = steps_per_epoch
        self.state: dict[str, Any] = {"factor": 1.0, "best": math.inf, "waited": 0}

    def lr(self, step: int) -> float:
        """The learning rate of step `step`, counted from 0."""
        recipe = self.recipe
        warmup = recipe.warmup_epochs * self.steps_per_epoch
        peak = recipe.lr
        if step < warmup:
            return peak * (step + 1) / (math.floor(warmup) + 1)
        if recipe.schedule == "cosine":
            share = (step - warmup) / max(recipe.epochs * self.steps_per_epoch - warmup, 1)
            return recipe.min_lr + (peak - recipe.min_lr) * 0.5 * (1 + math.cos(math.pi * share))
        if recipe.schedule == "step":
            passed = sum(step >= epoch * self.steps_per_epoch for epoch in recipe.step_epochs)
            return max(peak * recipe.step_factor**passed, recipe.min_lr)
        return max(peak * self.state["factor"], recipe.min_lr)

    def end_epoch(self, loss: float) -> None:
        """Tell the schedule the mean training loss of the epoch that ended."""
        if self.recipe.schedule != "plateau":
            return
        if loss < self.state["best"]:
            self.state.update(best=loss, waited=0)
            return
        self.state["waited"] += 1
        if self.state["waited"] > self.recipe.plateau_patience:
            self.state.update(factor=self.state["factor"] * self.recipe.plateau_factor, waited=0)


def temperature(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Temperature of dynamic kernels at `step`: linear per iteration, from the recipe's start to its end.

    Li 2022: 30 to 1 over the first 10 epochs.  The descent is never longer than the training, so that every network is
    evaluated at the last temperature.
    """
    length = min(recipe.temperature_epochs, recipe.epochs) * steps_per_epoch
    share = 1.0 if step >= length else step / length
    return recipe.temperature_start + (recipe.temperature_end - recipe.temperature_start) * share
