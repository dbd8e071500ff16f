"""A look at a network in training: the same few training examples, in evaluation mode, after an epoch."""

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from dynconv import keyed
from dynconv.data.batches import Batches
from dynconv.engine.diagnostics import schedule
from dynconv.engine.diagnostics.layers import of_layer
from dynconv.engine.shares import Shares
from dynconv.engine.state import State
from dynconv.engine.strategy import Strategy
from dynconv.models.branches import attentions, branch_layers
from dynconv.study import Recipe
from dynconv.tasks import Task

EXAMPLES = 16
Tensors = dict[str, torch.Tensor]


class Diagnostics:
    """Looks at a run after some of its epochs; what it trains, and its numbers, are the same without.

    It holds the network's form without its tensors, and lends it the trained parameters and copies of the buffers for a
    forward and a backward pass: no gradient, statistic, hook or random number of the training is touched, and every
    strategy looks alike.  Each process does the same; nothing is said between them but by `Strategy.parameters`.

    Args:
        module: the network as it was built, before a strategy has it.
        task: makes the loss.
        data: the training split.
        recipe: how long it trains.
        seed: of the run; draws the examples.
        shares: how many examples a batch has, and a micro-batch of this process.
        strategy: tells the precision.
    """

    def __init__(
        self,
        module: nn.Module,
        task: Task,
        data: Batches,
        recipe: Recipe,
        seed: int,
        shares: Shares,
        strategy: Strategy,
    ) -> None:
        self.task = task
        self.epochs = frozenset(schedule.epochs(recipe.epochs, shares.steps))
        order = keyed.keys(seed, 0, torch.arange(len(data), device=data.index_device), "probe").argsort(stable=True)
        # What fits into the memory when training; where that is in mixed precision, half of it: this is in fp32.
        fits = shares.largest if strategy.precision == "fp32" else max(1, shares.largest // 2)
        parts = order[: min(EXAMPLES, shares.least)].split(fits)
        self.data, self.parts = data, parts
        self.form = copy.deepcopy(module).to("meta").eval()
        self.layers = branch_layers(self.form)
        self.seen: dict[str, list[Tensors]] = {}
        for name, layer in self.layers.items():
            layer.register_forward_pre_hook(lambda layer, inputs, name=name: self._note(name, layer, inputs[0]))

    def after(self, epoch: int, state: State, strategy: Strategy) -> float:
        """Add the rows of `epoch` (counted from 1) to `state`; return the seconds that it took.  Collective."""
        if epoch not in self.epochs:
            return 0.0
        start = time.perf_counter()
        devices = [strategy.device] if strategy.device.type == "cuda" else []
        tensors = dict(strategy.parameters())
        with contextlib.suppress(torch.OutOfMemoryError), torch.random.fork_rng(devices):
            state.diagnostics += [{"epoch": epoch, **row} for row in self._rows(tensors, strategy.module)]
        self.seen.clear()
        seconds = time.perf_counter() - start
        state.diagnostics_s += seconds
        return seconds

    def _note(self, name: str, layer: nn.Module, x: torch.Tensor) -> None:
        with torch.no_grad():
            self.seen.setdefault(name, []).append(attentions(layer, x))

    def _rows(self, parameters: Tensors, module: nn.Module) -> Iterator[dict[str, Any]]:
        lent = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        gradients = self._gradients(lent, {name: buffer.clone() for name, buffer in module.named_buffers()})
        for depth, (name, layer) in enumerate(self.layers.items(), start=1):
            told = self.seen.get(name, [{}])  # nothing where a block uses a layer's weights without calling it
            seen = {subject: torch.cat([part[subject] for part in told]) for subject in told[0]}
            own = {key.removeprefix(f"{name}."): key for key in lent if key.startswith(f"{name}.")}
            weights = {short: lent[key].detach() for short, key in own.items()}
            found = of_layer(layer, seen, weights, {short: gradients[key] for short, key in own.items()})
            for subject, measure in found:
                value, relative = (v if v is not None and math.isfinite(v) else None for v in measure[1:])
                place = {"layer": name, "depth": depth, "subject": subject, "quantity": measure.quantity}
                yield {**place, "value": value, "relative": relative}

    def _gradients(self, parameters: Tensors, buffers: Tensors) -> Tensors:
        """Of the mean loss over the examples; zeros where a parameter has no part in it."""
        batches = [self.data.get(ids) for ids in self.parts]
        count = sum(self.task.count(y) for _, y in batches)
        total = {name: torch.zeros_like(value) for name, value in parameters.items()}
        for x, y in batches:
            loss = self.task.loss_sum(functional_call(self.form, {**parameters, **buffers}, (x,)), y, 0.0)
            found = torch.autograd.grad(loss / max(1, count), [*parameters.values()], allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] += gradient
        return total
