"""The layers that the variants are made of."""

from dynconv.models.layers.across import batch_mean
from dynconv.models.layers.channel_gate import ChannelGate
from dynconv.models.layers.dropout import Dropout
from dynconv.models.layers.odconv import ODConv1d, ODConv2d
from dynconv.models.layers.odconv_static import ODConvStatic1d, ODConvStatic2d
from dynconv.models.layers.spatial_gate import SpatialGate
from dynconv.models.layers.spatial_mask import SpatialMask

__all__ = [
    "ChannelGate",
    "Dropout",
    "ODConv1d",
    "ODConv2d",
    "ODConvStatic1d",
    "ODConvStatic2d",
    "SpatialGate",
    "SpatialMask",
    "batch_mean",
]
