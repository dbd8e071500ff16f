"""Convolution by a kernel that is mixed and scaled for each example: the operation, and the layer built on it."""

from dynconv.models.layers.dynamic.attentions import Attentions
from dynconv.models.layers.dynamic.conv import dynamic_conv
from dynconv.models.layers.dynamic.cost import FORMS
from dynconv.models.layers.dynamic.layer import AnnealedConv, DynamicConv

__all__ = ["FORMS", "AnnealedConv", "Attentions", "DynamicConv", "dynamic_conv"]
