"""How one run is spread over processes: the protocol, and the choice.  The strategies are `single`, `ddp`, `zero`."""

import contextlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, get_args

import torch
from torch import nn

from dynconv.engine.device import choose_precision
from dynconv.engine.world import World
from dynconv.errors import DynconvError
from dynconv.recipe import Strategy as Name
from dynconv.study import Recipe

STRATEGIES = get_args(Name)


class Strategy(ABC):
    """One way to train a network on the devices of a `World`; the training loop knows nothing else of it.

    A step is: for each micro-batch, inside `micro_batch(last)`, a forward pass of `model` inside `autocast()` and
    `backward(loss)`; then `step(lr)`.  The losses are shares of the global batch's: over micro-batches and processes
    they add up, and so do their gradients.
    """

    name: ClassVar[str]
    module: nn.Module  # the network as it was built: names, buffers, layers
    model: nn.Module  # what is called

    def __init__(self, world: World, device: torch.device, recipe: Recipe):
        self.world, self.device, self.recipe = world, device, recipe
        self.precision = choose_precision(recipe.precision, device)

    def __enter__(self) -> "Strategy":
        """Meet the other processes."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.world.leave(failed=kind is not None)

    @property
    def dtype(self) -> torch.dtype:
        """The type of mixed precision's fast operations."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which the forward pass runs."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @abstractmethod
    def attach(self, module: nn.Module, accumulate: int, kept: dict[str, Any] | None) -> None:
        """Take `module`, whose parameters and buffers are set, and make its optimiser.

        Args:
            module: on the device.
            accumulate: micro-batches a step.
            kept: `optimizer_state()` of a checkpoint, of any strategy and number of processes; None at the start.
        """

    def micro_batch(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """The context of one micro-batch; gradients need to meet after the `last` of a step only."""
        return contextlib.nullcontext()

    @abstractmethod
    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss`, this process' share of the global batch's loss."""

    @abstractmethod
    def step(self, lr: float) -> None:
        """Clip the gradients, step with learning rate `lr`, and forget the gradients."""

    @abstractmethod
    def parameters(self) -> dict[str, torch.Tensor]:
        """Every parameter by name, whole and in fp32 (shared memory, not to be changed).  Collective."""

    @abstractmethod
    def optimizer_state(self) -> dict[str, Any]:
        """What the optimiser remembers, in the one form that every strategy reads.  Collective.

        `slots`: for each kind of memory (momentum_buffer, exp_avg, ...) the tensors by parameter name, whole, fp32;
        `steps`: the optimiser's own count; `scaler`: the state of fp16's loss scaling, empty without.
        """

    def plain(self) -> nn.Module:
        """The network as it was built, with its current parameters, to evaluate or to overwrite.  Collective.

        Training is over after it.
        """
        self.module._compiled_call_impl = None  # compiling it once more for evaluation would not pay
        return self.module


def choose(name: str, world: World) -> type[Strategy]:
    """The strategy of that name; `auto` is `single` for a process alone and `ddp` for many.

    Raises:
        DynconvError: unknown name, `single` for many processes, or DeepSpeed is not installed.
    """
    if name not in STRATEGIES:
        raise DynconvError(f"unknown strategy {name!r}; valid: {', '.join(STRATEGIES)}")
    if name == "single" and world.size > 1:
        raise DynconvError(
            f"strategy single: started as {world.size} processes, which would all train the same run; "
            "valid: auto, ddp, deepspeed, or one process"
        )
    if name == "single" or (name == "auto" and world.size == 1):
        from dynconv.engine.single import Single

        return Single
    if name == "deepspeed":
        from dynconv.engine.zero import Zero

        return Zero
    from dynconv.engine.ddp import Ddp

    return Ddp
