"""What the autograd functions of all forms have in common."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from dynconv.models.layers.dynamic.geometry import Geometry
from dynconv.models.layers.modes import switched_off

Plain = Callable[..., torch.Tensor]
Gradients = tuple[torch.Tensor | None, ...]


class Form(torch.autograd.Function):
    """A form as an autograd function of tensors (or None) and, last, the geometry: its inputs alone are kept."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        """Keep what the backward pass starts from."""
        *tensors, ctx.at = inputs
        ctx.save_for_backward(*tensors)


def or_plainly(form: Plain) -> Callable[[Callable[[Any, torch.Tensor], Gradients]], Callable[..., Gradients]]:
    """Make a fast backward pass, which no derivative can be taken of, one that works wherever torch's own do.

    Where a derivative of it is asked for, or it is mapped over by vmap, the gradients are those of `form` instead: the
    same function of the saved tensors and `ctx.at` in torch's own operations.
    """

    def decorate(fast: Callable[[Any, torch.Tensor], Gradients]) -> Callable[..., Gradients]:
        def backward(ctx: Any, dy: torch.Tensor) -> Gradients:
            functorch = torch._C._functorch
            with switched_off(dy.device.type):  # the forward pass has chosen the types
                if torch.is_grad_enabled() or functorch.is_functorch_wrapped_tensor(dy):
                    return *_pull_back(form, ctx.saved_tensors, ctx.at, dy, ctx.needs_input_grad), None
                if functorch.is_legacy_batchedtensor(dy):  # torch.autograd.grad(..., is_grads_batched=True)
                    return *_each(form, ctx.saved_tensors, ctx.at, dy, ctx.needs_input_grad), None
                return *fast(ctx, dy), None

        return backward

    return decorate


def _pull_back(
    form: Plain, tensors: Sequence[Any], at: Geometry, dy: torch.Tensor, need: Sequence[bool]
) -> list[torch.Tensor | None]:
    """Gradients of those of `tensors` that need one, themselves differentiable."""
    wanted = [i for i, tensor in enumerate(tensors) if tensor is not None and need[i]]

    def of_wanted(*chosen: torch.Tensor) -> torch.Tensor:
        given = list(tensors)
        for i, tensor in zip(wanted, chosen, strict=True):
            given[i] = tensor
        return form(*given, at)

    pull = torch.func.vjp(of_wanted, *[tensors[i] for i in wanted])[1]
    found = dict(zip(wanted, pull(dy), strict=True))
    return [found.get(i) for i in range(len(tensors))]


def _each(
    form: Plain, tensors: Sequence[Any], at: Geometry, dy: torch.Tensor, need: Sequence[bool]
) -> list[torch.Tensor | None]:
    """The same for a batch of `dy` as torch.autograd makes it, which `torch.func` knows nothing of."""
    given = [t if t is None else t.detach().requires_grad_(n) for t, n in zip(tensors, need, strict=False)]
    with torch.enable_grad():
        y = form(*given, at)
    wanted = [t for t in given if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, wanted, dy))
    return [next(found) if t is not None and t.requires_grad else None for t in given]
