"""How one run is spread over devices.  Here: one process, one device."""

import contextlib
from typing import Any

import torch
from torch import nn

from dynconv.errors import DynconvError
from dynconv.study import Recipe


class Single:
    """One process on one device: mixed precision, clipping and the optimiser's step."""

    name = "single"
    world_size = 1

    def __init__(self, device: torch.device, recipe: Recipe):
        self.device = device
        self.clip_norm = recipe.clip_norm
        self.precision = _precision(recipe.precision, device)
        # fp16 underflows without loss scaling; bf16 has fp32's exponent and needs none.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which the forward pass runs."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
        return torch.autocast(self.device.type, dtype)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss`."""
        self.scaler.scale(loss).backward()

    def step(self, model: nn.Module, optimizer: torch.optim.Optimizer, lr: float) -> None:
        """Clip, step and zero the gradients."""
        for group in optimizer.param_groups:
            group["lr"] = lr
        if self.clip_norm is not None:
            self.scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)
        self.scaler.step(optimizer)
        self.scaler.update()
        optimizer.zero_grad(set_to_none=True)


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU, or the CPU; anything else is a torch device."""
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DynconvError(f"--device: unknown device {name!r}; valid: auto, cpu, cuda, cuda:0, ...") from None
    if device.type not in ("cpu", "cuda"):
        raise DynconvError(f"--device: {name!r} is not supported; valid: auto, cpu, cuda, cuda:0, ...")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DynconvError(f"--device {name}: torch {torch.__version__} sees no GPU on this machine; valid: auto, cpu")
    return device


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if wanted == "fp16" and device.type == "cpu":
        raise DynconvError("recipe key precision: fp16 needs a GPU; valid on a CPU: auto, fp32, bf16")
    return wanted
