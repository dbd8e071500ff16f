"""What a torch optimiser remembers, by parameter name: momentum_buffer, exp_avg, exp_avg_sq, ..."""

from typing import Any

import torch
from torch import nn


def read(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Any]:
    """`slots` and `steps` as in `Strategy.optimizer_state`; the tensors are the optimiser's own."""
    slots: dict[str, dict[str, torch.Tensor]] = {}
    steps = None
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if key == "step":
                steps = float(value)
            elif value is not None:
                slots.setdefault(key, {})[name] = value
    return {"slots": slots, "steps": steps}


def write(optimizer: torch.optim.Optimizer, module: nn.Module, kept: dict[str, Any]) -> None:
    """Set what `read` has read, of this or of another optimiser of the same kind."""
    for name, parameter in module.named_parameters():
        if not any(name in tensors for tensors in kept["slots"].values()):
            continue  # it never had a gradient
        state: dict[str, Any] = {} if kept["steps"] is None else {"step": torch.tensor(kept["steps"])}
        for key, tensors in kept["slots"].items():
            # Of the parameter's own layout: with another, sums would be added up in another order.
            state[key] = torch.empty_like(parameter).copy_(tensors[name])
        optimizer.state[parameter] = state
