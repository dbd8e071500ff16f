"""Checkpoints: whole or absent, loaded without unpickling code, and only into the run that wrote them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dynconv.engine.optim import Schedule
from dynconv.files import atomic


@dataclass
class State:
    """All that training changes.  What is not here is a function of the recipe, the seed and the step."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    scaler: torch.amp.GradScaler
    step: int = 0  # optimiser steps done
    train_s: float = 0.0  # seconds of training so far, over all attempts

    def __post_init__(self) -> None:
        self.metrics: list[dict[str, Any]] = []  # rows of finished epochs
        self.sums: list[torch.Tensor] = []  # of the unfinished epoch, one vector a step


def save(path: Path, state: State, identity: str) -> None:
    """Write `state` to `path` atomically; `identity` names the run, recipe and data it belongs to."""
    persistent = state.model.state_dict()
    content = {
        "identity": identity,
        "step": state.step,
        "train_s": state.train_s,
        "metrics": state.metrics,
        "sums": state.sums,
        "model": persistent,
        # ODConv's temperature and hard attention's progress are not in the state_dict, so that published layers load.
        "buffers": {name: value for name, value in state.model.named_buffers() if name not in persistent},
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state,
        "scaler": state.scaler.state_dict(),
        "rng_cpu": torch.get_rng_state(),
        "rng_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }
    buffer = io.BytesIO()  # torch reports a full disk as a RuntimeError of its own; Python as what it is
    torch.save(content, buffer)
    with atomic(path) as scratch:
        scratch.write_bytes(buffer.getbuffer())


def load(path: Path, state: State, identity: str, device: torch.device) -> str:
    """Fill `state` from `path` if it is this run's; return one line that says what was done."""
    if not path.exists():
        return "starting from scratch"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["identity"]
    except Exception as error:  # a torn or foreign file must not stop the run, whatever the unpickler makes of it
        return f"starting from scratch: {path} is not a readable checkpoint ({type(error).__name__})"
    if found != identity:
        return f"starting from scratch: {path} belongs to another recipe, dataset, seed or version of the code"
    state.model.load_state_dict(content["model"])
    buffers = dict(state.model.named_buffers())
    for name, value in content["buffers"].items():
        buffers[name].copy_(value)
    state.optimizer.load_state_dict(content["optimizer"])
    state.schedule.state = content["schedule"]
    state.scaler.load_state_dict(content["scaler"])
    state.step, state.train_s = content["step"], content["train_s"]
    state.metrics = content["metrics"]
    state.sums = [value.to(device) for value in content["sums"]]
    torch.set_rng_state(content["rng_cpu"])
    if content["rng_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(content["rng_cuda"])
    return f"resuming after step {state.step} of {path}"
