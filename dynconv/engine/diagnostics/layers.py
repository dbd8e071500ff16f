"""All that is measured of one layer."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from dynconv.engine.diagnostics import measures
from dynconv.engine.diagnostics.kernels import gram
from dynconv.engine.diagnostics.measures import Measure
from dynconv.models.layers.dynamic import Attentions, DynamicConv

Tensors = Mapping[str, torch.Tensor]


def of_layer(layer: nn.Module, seen: Tensors, weights: Tensors, gradients: Tensors) -> Iterator[tuple[str, Measure]]:
    """The measures, each with its subject: the name of an attention, `mixed` (kernels) or `parameters`.

    Args:
        layer: tells only what it is; its tensors are not looked at.
        seen: what `dynconv.models.branches.attentions` says of it for M examples.
        weights: its parameters by name.
        gradients: of the loss, by the same names.
    """
    for subject, told in seen.items():
        a = told.double().cpu()
        choice = subject == "kernel" and a.shape[1] > 1
        for measure in (measures.of_choice if choice else measures.of_gates)(a):
            yield subject, measure
    if isinstance(layer, DynamicConv) and seen:
        for measure in measures.of_kernels(gram(weights["weight"], Attentions(**seen), layer.groups).cpu()):
            yield "mixed", measure
    for measure in measures.of_parameters(weights.values(), gradients.values()):
        yield "parameters", measure
