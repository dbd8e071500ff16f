"""One process on one device."""

from typing import Any, ClassVar

import torch
from torch import nn

from dynconv.engine import slots
from dynconv.engine.compiler import compile_module
from dynconv.engine.optim import build_optimizer
from dynconv.engine.strategy import Strategy
from dynconv.engine.world import World
from dynconv.study import Recipe


class Single(Strategy):
    """Mixed precision, clipping and the optimiser's step with torch alone."""

    name: ClassVar[str] = "single"

    def __init__(self, world: World, device: torch.device, recipe: Recipe):
        super().__init__(world, device, recipe)
        # fp16 underflows without loss scaling; bf16 has fp32's exponent and needs none.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")

    def attach(self, module: nn.Module, accumulate: int, kept: dict[str, Any] | None) -> None:
        """See `Strategy.attach`."""
        self.module = self.model = module
        if self.recipe.compile:
            compile_module(module, self.device)
        self.optimizer = build_optimizer(module, self.recipe)
        if kept:
            slots.write(self.optimizer, module, kept)
            if kept["scaler"]:
                self.scaler.load_state_dict(kept["scaler"])

    def backward(self, loss: torch.Tensor) -> None:
        """See `Strategy.backward`."""
        self.scaler.scale(loss).backward()

    def step(self, lr: float) -> None:
        """See `Strategy.step`."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self.recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def parameters(self) -> dict[str, torch.Tensor]:
        """See `Strategy.parameters`."""
        return {name: parameter.detach() for name, parameter in self.module.named_parameters()}

    def optimizer_state(self) -> dict[str, Any]:
        """See `Strategy.optimizer_state`."""
        return slots.read(self.optimizer, self.module) | {"scaler": self.scaler.state_dict()}
