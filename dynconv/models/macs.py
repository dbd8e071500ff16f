"""Multiply-adds of a forward pass, as executed here and as the method needs in theory."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from dynconv.errors import DynconvError
from dynconv.models.layers.dimensions import CONV
from dynconv.models.layers.spatial_mask import masks


class Macs(NamedTuple):
    """Multiply-adds of one example."""

    executed: int
    theoretical: int


def count(model: nn.Module, shape: Sequence[int], executed_fraction: float | None = None) -> Macs:
    """Multiply-adds of `model` for ONE example of `shape` (channels, *spatial), in evaluation; the model is untouched.

    Executed: the matrix products and convolutions that torch runs here, counted while they run (two floating-point
    operations to a multiply-add).  A masked branch counts in full, as dense execution runs it: what sparse execution
    runs depends on the input, and is the theoretical count at the fraction measured.

    Theoretical: convolutions and linear layers by their shape; a layer with a method `macs(input, output)` by its own
    word (`ODConv2d.macs` states the rule and how near it comes to the published figures); a masked branch times
    `executed_fraction`, the measured fraction of its multiply-adds, or its budget where that is None.

    Raises:
        DynconvError: executed_fraction is not between 0 and 1.
    """
    if executed_fraction is not None and not 0 <= executed_fraction <= 1:
        raise DynconvError(f"macs: executed_fraction is {executed_fraction}; valid: 0 to 1")
    model = copy.deepcopy(model).eval()
    theoretical = 0

    def add(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        nonlocal theoretical
        theoretical += _needed(module, inputs[0], output)

    for unit in masks(model):
        unit.execution = "dense"
    _hook(model, add)
    parameter = next(model.parameters())
    with torch.no_grad(), _Counter() as counter:
        model(torch.zeros(1, *shape, device=parameter.device, dtype=parameter.dtype))
    for unit in masks(model):
        fraction = unit.budget if executed_fraction is None else executed_fraction
        theoretical -= round((1 - fraction) * unit.maskable)
    return Macs(counter.operations // 2, theoretical)


class _Counter(TorchDispatchMode):
    """Adds up floating-point operations as they run, by the formulas of `torch.utils.flop_counter`.

    Not its `FlopCounterMode`, whose first use imports torch's compiler (torch 2.14: 1.3 s), once in every run.
    """

    operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = _formula(func._overloadpacket)
        if formula is None:
            with self:  # an operation made of others is counted by its parts
                if (result := func.decompose(*args, **kwargs)) is not NotImplemented:
                    return result
        result = func(*args, **kwargs)
        if formula is not None:
            self.operations += formula(*args, **kwargs, out_val=result)
        return result


def _formula(operation: Any) -> Any:
    """The number of floating-point operations of an operation, as a function of its arguments; None: not counted."""
    # By name, because torchvision is not imported for a model that does without.  What the formula counts is the matrix
    # product; the reading between positions is elementwise work, like an activation.
    if operation._qualified_op_name == "torchvision::deform_conv2d":
        return lambda x, weight, *rest, out_val: 2 * weight[0].numel() * out_val.numel()
    if operation._qualified_op_name == "mkldnn::_linear_pointwise":
        return lambda a, b, *rest, out_val: 2 * a.numel() * len(b)
    return flop_registry.get(operation)


def _hook(module: nn.Module, hook: Any) -> None:
    """Hook the layers that are counted; a layer that counts itself also stands for the layers inside it."""
    if hasattr(module, "macs") or isinstance(module, (*CONV.values(), nn.Linear)):
        module.register_forward_hook(hook)
        return
    for child in module.children():
        _hook(child, hook)


def _needed(module: Any, x: torch.Tensor, y: torch.Tensor) -> int:
    if hasattr(module, "macs"):
        return module.macs(x, y)
    positions = y[0, 0].numel() if isinstance(module, tuple(CONV.values())) else y[0].numel() // module.out_features
    return module.weight.numel() * positions
