"""Deformable convolution (Dai et al. 2017, arXiv 1703.06211), modulated or not (Zhu et al. 2018, arXiv 1811.11168)."""

import torch
from torch import nn

from dynconv.models.layers.dimensions import CONV
from dynconv.models.layers.modes import switched_off


class DeformableConv(nn.Module):
    """A convolution that decides where it reads: [B, in, *S] -> [B, out, *S'], without bias.

    y(p) = sum_n w(p_n) x(p + p_n + dp_n) m_n    (2017: eq. 2, with m_n = 1; 2018: eq. 1)

    p_n runs over the kernel's positions; the offsets dp_n (in positions of the input, one for each axis) and the
    modulations m_n (sigmoids, 0 to 1) belong to the output position p and are convolutions of x with the same kernel
    size, stride and dilation.  x between positions is the (bi)linear interpolation of its neighbours (2017: eq. 3-4)
    and zero outside.

    Offsets and the modulations' logits start from zero weights and biases, as in both papers: built, this is the
    ordinary convolution, or half of it where modulated.  A series is an image of height one to the operation, which is
    torchvision's; its offsets are along its axis.  Positions are computed in fp32 at least: bf16 has no fractions
    beyond 128.

    Args:
        ndim: number of spatial axes, 1 or 2.
        in_channels, out_channels, kernel_size, stride, padding, dilation: as in `torch.nn.Conv2d`, one integer for all
            axes.
        modulated: with m_n.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        *,
        modulated: bool = True,
    ) -> None:
        super().__init__()
        self.ndim, self.stride, self.padding, self.dilation, self.modulated = ndim, stride, padding, dilation, modulated
        self.taps = kernel_size**ndim
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *[kernel_size] * ndim))
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        fields = self.taps * (ndim + modulated)  # all offsets, then all modulations
        self.fields = CONV[ndim](in_channels, fields, kernel_size, stride, padding, dilation)
        nn.init.zeros_(self.fields.weight)
        if self.fields.bias is not None:
            nn.init.zeros_(self.fields.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve `x` [B, in, *S] where the offsets say."""
        from torchvision.ops import deform_conv2d  # here: a second of imports, for this variant only

        fields = self.fields(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        offsets, logits = fields[:, : self.taps * self.ndim].to(wide), fields[:, self.taps * self.ndim :].to(wide)
        image, weight, stretch = x.to(wide), self.weight.to(wide), (self.padding, self.padding)
        if self.ndim == 1:
            image, weight, logits, stretch = (
                image[:, :, None],
                weight[:, :, None],
                logits[:, :, None],
                (0, self.padding),
            )
            offsets = torch.stack([torch.zeros_like(offsets), offsets], 2).flatten(1, 2)[:, :, None]
        with switched_off(x.device.type):
            y = deform_conv2d(
                image,
                offsets,
                weight,
                stride=(self.stride, self.stride),
                padding=stretch,
                dilation=(self.dilation, self.dilation),
                mask=torch.sigmoid(logits) if self.modulated else None,
            )
        return (y[:, :, 0] if self.ndim == 1 else y).to(x.dtype)

    def macs(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """Multiply-adds that the method needs for one example of the batches `x` and `y`.

        The convolution, that of the offsets and modulations, and the reading: 2 ** ndim for each value at each kernel
        position (the neighbours by their weights), and one for its modulation.
        """
        read = self.taps * x.shape[1] * (2**self.ndim + self.modulated)
        return (self.weight.numel() + self.fields.weight.numel() + read) * y[0, 0].numel()

    def extra_repr(self) -> str:
        """The arguments, for `print(model)`."""
        out_channels, in_channels, kernel_size = self.weight.shape[:3]
        return (
            f"{in_channels}, {out_channels}, kernel_size={kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, modulated={self.modulated}"
        )
