"""The layers that the variants are made of."""

from dynconv.models.layers.across import batch_mean
from dynconv.models.layers.cbam import CBAM
from dynconv.models.layers.channel_gate import ChannelGate
from dynconv.models.layers.condconv import CondConv1d, CondConv2d
from dynconv.models.layers.dropout import Dropout
from dynconv.models.layers.dyconv import DyConv1d, DyConv2d
from dynconv.models.layers.odconv import ODConv1d, ODConv2d
from dynconv.models.layers.odconv_static import ODConvStatic1d, ODConvStatic2d
from dynconv.models.layers.spatial_gate import SpatialGate
from dynconv.models.layers.spatial_mask import SpatialMask

__all__ = [
    "CBAM",
    "ChannelGate",
    "CondConv1d",
    "CondConv2d",
    "Dropout",
    "DyConv1d",
    "DyConv2d",
    "ODConv1d",
    "ODConv2d",
    "ODConvStatic1d",
    "ODConvStatic2d",
    "SpatialGate",
    "SpatialMask",
    "batch_mean",
]
