"""What a training loop asks of any model, whatever its variant; models wrapped by DDP or `torch.compile` included."""

import torch
from torch import nn

from dynconv import keyed
from dynconv.models.resnet import Backbone


def auxiliary_loss(model: nn.Module) -> torch.Tensor:
    """The variant's own loss of the last forward pass, a scalar to be added to the task's; 0 where there is none."""
    own = _backbone(model).loss
    return next(model.parameters()).new_zeros(()) if own is None else own(model)


def measures(model: nn.Module) -> dict[str, torch.Tensor]:
    """The variant's own measures of the last forward pass, by name, each of shape [B], without gradient."""
    own = _backbone(model).measures
    return {} if own is None else {name: value.detach() for name, value in own(model).items()}


def anneal(model: nn.Module, *, temperature: float, fraction: float) -> None:
    """Tell every layer where the training stands; call it before each step.

    Args:
        model: the model; every submodule with a method `anneal` is called.
        temperature: divides the attention logits of dynamic kernels; falls to 1.
        fraction: part of the training that is done, 0 to 1.
    """
    with torch.no_grad():
        for module in model.modules():
            if callable(layer := getattr(module, "anneal", None)):
                layer(temperature=temperature, fraction=fraction)


def give_keys(model: nn.Module, keys: torch.Tensor) -> None:
    """Make the noise of the next forward pass a function of its examples' keys; call it before each pass in training.

    What happens to an example is then the same in any batch, on any process and after a resume.  Without keys, layers
    draw from torch's generator.

    Args:
        model: the model; every submodule with an attribute `noise_keys` receives keys of its own.
        keys: int64 [B], from `keyed.keys`.
    """
    noisy = [module for module in model.modules() if hasattr(module, "noise_keys")]
    for index, module in enumerate(noisy):
        module.noise_keys = keyed.fold(keys, index)


def _backbone(model: nn.Module) -> Backbone:
    return next(module for module in model.modules() if isinstance(module, Backbone))
