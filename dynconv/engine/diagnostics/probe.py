"""A look at a network in training: the same few training examples, in evaluation mode, after an epoch."""

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
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
from dynconv.stopping import Stopped
from dynconv.study import Recipe
from dynconv.tasks import Task

EXAMPLES = 16  # at most
Tensors = dict[str, torch.Tensor]


class Diagnostics:
    """Looks at a run after some of its epochs; what it trains, and its numbers, are the same without.

    It holds the network's form without its tensors, and lends it the trained parameters and copies of the buffers for a
    forward and a backward pass: no gradient, statistic, hook or random number of the training is touched, and every
    strategy looks alike.  Each process does the same; nothing is said between them but by `Strategy.parameters`.
    A look that fails, whatever the cause, has no rows, and the run goes on.

    Args:
        module: the network as it was built, before a strategy has it.
        task: makes the loss.
        data: the training split.
        recipe: how long it trains.
        seed: of the run; draws the examples.
        shares: how many examples a batch has, and a micro-batch of this process.
        strategy: tells the precision.
        say: hears of the first look that fails, one line.
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
        say: Callable[[str], None],
    ) -> None:
        self.task, self.say = task, say
        self.failed = False
        self.epochs = frozenset(schedule.epochs(recipe.epochs, shares.steps))
        order = keyed.keys(seed, 0, torch.arange(len(data), device=data.index_device), "probe").argsort(stable=True)
        # What fits into the memory when training; where that is in mixed precision, half of it: this is in fp32.
        fits = shares.largest if strategy.precision == "fp32" else max(1, shares.largest // 2)
        parts = order[: min(EXAMPLES, shares.least)].split(fits)
        self.data, self.parts = data, parts
        self.seen: list[dict[str, Tensors]] = []  # of each part, by layer
        self.layers: dict[str, nn.Module] = {}
        with self._harmless("no epoch is"):
            # Before the form is made: without storage, tensors that layers share would be as many as their names.
            self.parameters = _first_names(module.named_parameters(remove_duplicate=False))
            self.buffers = _first_names(module.named_buffers(remove_duplicate=False))
            self.own = _own_parameters(branch_layers(module), self.parameters)
            self.form = copy.deepcopy(module).to("meta").eval()
            layers = {name: self.form.get_submodule(name) for name in self.own}
            for name, layer in layers.items():
                layer.register_forward_pre_hook(lambda layer, inputs, name=name: self._note(name, layer, inputs[0]))
            self.layers = layers

    def after(self, epoch: int, state: State, strategy: Strategy) -> float:
        """Add the rows of `epoch` (counted from 1) to `state`; return the seconds that it took.  Collective."""
        if epoch not in self.epochs:
            return 0.0
        start = time.perf_counter()
        devices = [strategy.device] if strategy.device.type == "cuda" else []
        # Of many processes, one that went on alone from here would wait for the others, and they for it.
        tensors: Tensors = {}
        with self._harmless(f"epoch {epoch} is not") if strategy.world.size == 1 else contextlib.nullcontext():
            tensors = dict(strategy.parameters())
        if tensors and self.layers:
            with self._harmless(f"epoch {epoch} is not"), torch.random.fork_rng(devices):
                state.diagnostics += [{"epoch": epoch, **row} for row in self._rows(tensors, strategy.module)]
        self.seen.clear()
        seconds = time.perf_counter() - start
        state.diagnostics_s += seconds
        return seconds

    @contextlib.contextmanager
    def _harmless(self, what: str) -> Iterator[None]:
        """Errors end only the look: a run is worth more than what is seen of it."""
        try:
            yield
        except Stopped:
            raise
        except Exception as error:
            if not self.failed:
                cause = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                self.say(f"diagnostics: {what} looked at, the run goes on (said once): {cause}")
            self.failed = True

    def _note(self, name: str, layer: nn.Module, x: torch.Tensor) -> None:
        if name not in self.seen[-1]:  # a layer that is called in several places is looked at in the first
            with torch.no_grad():
                self.seen[-1][name] = attentions(layer, x)

    def _rows(self, parameters: Tensors, module: nn.Module) -> Iterator[dict[str, Any]]:
        lent = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        gradients = self._gradients(lent, {name: buffer.clone() for name, buffer in module.named_buffers()})
        for depth, (name, layer) in enumerate(self.layers.items(), start=1):
            # Nothing where a block uses a layer's weights without calling it.
            told = [part[name] for part in self.seen if name in part] or [{}]
            seen = {subject: torch.cat([part[subject] for part in told]) for subject in told[0]}
            weights = {short: lent[key].detach() for short, key in self.own[name].items()}
            found = of_layer(layer, seen, weights, {short: gradients[key] for short, key in self.own[name].items()})
            for subject, measure in found:
                value, relative = (v if v is not None and math.isfinite(v) else None for v in measure[1:])
                place = {"layer": name, "depth": depth, "subject": subject, "quantity": measure.quantity}
                place["examples"] = sum(map(len, self.parts))
                yield {**place, "value": value, "relative": relative}

    def _gradients(self, parameters: Tensors, buffers: Tensors) -> Tensors:
        """Of the mean loss over the examples; zeros where a parameter has no part in it."""
        batches = [self.data.get(ids) for ids in self.parts]
        count = sum(self.task.count(y) for _, y in batches)
        total = {name: torch.zeros_like(value) for name, value in parameters.items()}
        everywhere = {name: parameters[first] for name, first in self.parameters.items()}
        everywhere |= {name: buffers[first] for name, first in self.buffers.items()}
        for x, y in batches:
            self.seen.append({})
            loss = self.task.loss_sum(functional_call(self.form, everywhere, (x,)), y, 0.0)
            found = torch.autograd.grad(loss / max(1, count), [*parameters.values()], allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] += gradient
        return total


def _first_names(named: Iterable[tuple[str, torch.Tensor]]) -> dict[str, str]:
    """For each name of a tensor the first that it has, by which the training knows it."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in named}


def _own_parameters(layers: dict[str, nn.Module], first: dict[str, str]) -> dict[str, dict[str, str]]:
    """Of each layer the first names of its parameters, by those within it; not those of the layers that are in it."""
    own = {}
    for name, layer in layers.items():
        inner = {p for other, inside in layers.items() if other.startswith(f"{name}.") for p in inside.parameters()}
        own[name] = {short: first[f"{name}.{short}"] for short, p in layer.named_parameters() if p not in inner}
    return own
