"""Matrix products at the speed of the convolutions that they are compared with."""

import torch

SMALL = 2**20  # multiply-adds of one example below which a call of its own costs more than it saves


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b.T of [N, K] and [M, K] -> [N, M], whatever their strides; not differentiable.

    torch convolves on a CPU with oneDNN and multiplies with MKL, which on processors that are not Intel's leaves half
    of the vector units idle (AMD EPYC: 55 against 115 GMAC/s a core).  So float32 goes to oneDNN here, too.
    """
    if not _onednn(a, b):
        return torch.mm(a, b.t())
    # It reads its first matrix row by row, or a copy of it; the second as it comes.  What is copied should be small.
    swapped = a.shape[0] * b.shape[0] + (0 if b.is_contiguous() else b.numel())
    if not a.is_contiguous() and swapped < a.numel():
        return _linear(b, a).t().contiguous()
    return _linear(a, b)


def products(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a[i] @ b[i].T of [B, N, K] and [B, M, K] -> [B, N, M]; not differentiable."""
    if a[0].numel() * b.shape[1] < SMALL or not _onednn(a, b):
        return torch.bmm(a, b.mT)
    each = [product(one, other) for one, other in zip(a, b, strict=True)]
    return each[0].unsqueeze(0) if len(each) == 1 else torch.stack(each)


def _onednn(a: torch.Tensor, b: torch.Tensor) -> bool:
    # An operation of torch's own compiler: not every build has it, and it takes no empty matrix.
    return (
        a.dtype == torch.float32
        and a.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and min(a.numel(), b.numel()) > 0
    )


def _linear(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # For rows with gaps between them oneDNN has only its reference code, a hundred times slower.
    dense = b if b.is_contiguous() or b.t().is_contiguous() else b.contiguous()
    return torch.ops.mkldnn._linear_pointwise(a.contiguous(), dense, None, "none", [], "")
