"""Channel and spatial soft attention: both halves of CBAM (Woo et al. 2018) on every residual branch."""

from dynconv.errors import DynconvError
from dynconv.models.blocks import Blocks
from dynconv.models.checks import whole
from dynconv.models.layers.cbam import CBAM
from dynconv.models.layers.dimensions import static_conv


def build(ndim: int, *, reduction: int = 16, kernel_size: int = 7) -> Blocks:
    """`reduction`: channels over hidden units of the channel half; `kernel_size`: extent of the spatial half's
    convolution, odd.
    """
    whole("variant se_cbam", "reduction", reduction)
    whole("variant se_cbam", "kernel_size", kernel_size)
    if kernel_size % 2 == 0:
        raise DynconvError(f"variant se_cbam: kernel_size is {kernel_size!r}; valid: an odd integer")
    return Blocks(conv=static_conv(ndim), attention=lambda channels: CBAM(ndim, channels, reduction, kernel_size))
