"""The exponential moving average of a network's weights (Polyak and Juditsky 1992)."""

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


class Average:
    """avg <- d avg + (1 - d) value after every step, for each parameter and floating-point buffer.

    d = min(decay, (1 + t) / (10 + t)) at step t, so that the first, random weights are soon forgotten.
    """

    def __init__(self, decay: float):
        self.decay = decay
        self.values: Tensors = {}

    @torch.no_grad()
    def update(self, parameters: Tensors, module: nn.Module, step: int) -> None:
        """Take in the weights after step `step` (counted from 1)."""
        now = parameters | {name: b for name, b in module.named_buffers() if b.is_floating_point()}
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in now.items():
            if name in self.values:
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name] = value.clone()

    @torch.no_grad()
    def apply(self, module: nn.Module) -> None:
        """Overwrite the weights of `module` with the average; layers' own progress (temperatures) stays."""
        kept = module.state_dict()
        for name, value in self.values.items():
            if name in kept:
                kept[name].copy_(value)
