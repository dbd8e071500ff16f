"""Pixel-wise soft attention: the spatial half of CBAM (Woo et al. 2018) on every residual branch.

out = relu(shortcut(x) + y * sigmoid(conv([mean_C(y); max_C(y)]))), y = branch(x) (arXiv 1807.06521, eq. 3).
"""

from dynconv.errors import DynconvError
from dynconv.models.blocks import Blocks
from dynconv.models.checks import whole
from dynconv.models.layers.dimensions import static_conv
from dynconv.models.layers.spatial_gate import SpatialGate


def build(ndim: int, *, kernel_size: int = 7) -> Blocks:
    """`kernel_size`: extent of the neighbourhood that decides a position's weight, odd."""
    whole("variant soft_local", "kernel_size", kernel_size)
    if kernel_size % 2 == 0:
        raise DynconvError(f"variant soft_local: kernel_size is {kernel_size!r}; valid: an odd integer")
    return Blocks(conv=static_conv(ndim), attention=lambda channels: SpatialGate(ndim, kernel_size))
