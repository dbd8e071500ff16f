"""The layers of the residual branches: what a variant may change, and what is looked at in all of them alike."""

import torch
from torch import nn

from dynconv.models.layers.dynamic import Attentions
from dynconv.models.resnet import Block


def branch_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The convolutions, gates and masks of the residual blocks by their names, from the input to the output.

    A part with layers inside that have a method `attend` is represented by those, after itself if it has parameters
    that none of them has.  A layer of several blocks has the name that it has in the first.
    """
    layers: dict[str, nn.Module] = {}
    for name, block in model.named_modules():
        for part, module in block.named_children() if isinstance(block, Block) else ():
            if part.startswith("conv") or part in ("attention", "mask"):
                below = dict(module.named_modules(prefix=f"{name}.{part}"))
                attending = {inner: layer for inner, layer in below.items() if hasattr(layer, "attend")}
                held = {p for layer in attending.values() for p in layer.parameters()}
                rest = any(p not in held for p in module.parameters())
                layers |= ({f"{name}.{part}": module} if rest else {}) | attending
    first = {layer: name for name, layer in reversed(layers.items())}
    return {name: layer for name, layer in layers.items() if first[layer] == name and [*layer.parameters()]}


def mask_units(model: nn.Module) -> list[nn.Module]:
    """What makes the masks of the residual blocks, from the input to the output; none where nothing is masked."""
    blocks = (module for module in model.modules() if isinstance(module, Block))
    return [block.mask for block in blocks if block.mask is not None]


def attentions(layer: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """What `layer` decides for the examples of its input `x`: each [B, components], nothing if it has no `attend`.

    The fields of `Attentions` by their names, or `gate` where `attend(x)` returns a tensor.
    """
    attend = getattr(layer, "attend", None)
    if attend is None:
        return {}
    told = attend(x)
    named = told._asdict() if isinstance(told, Attentions) else {"gate": told}
    return {name: part.flatten(1) for name, part in named.items() if part is not None}
