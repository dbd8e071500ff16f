"""What layers with an arithmetic of their own ask of torch: is autocast on, is a transform at work?"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.autograd import forward_ad


def chosen_type(x: torch.Tensor) -> torch.dtype:
    """In which torch's convolutions would compute for `x`: that of autocast where it is on, else the type of `x`."""
    device = x.device.type
    if x.dtype != torch.float64 and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def switched_off(device: str) -> AbstractContextManager:
    """Autocast off for tensors on a `device`; "meta" has none."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def transformed(*tensors: torch.Tensor | None) -> bool:
    """Whether a compiler, a tracer, `torch.func` or forward-mode differentiation looks at what is done to the tensors.

    They want torch's own operations, which they can fuse, store and differentiate in their own ways.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True
    return any(
        torch._C._functorch.is_functorch_wrapped_tensor(tensor) or forward_ad.unpack_dual(tensor).tangent is not None
        for tensor in tensors
        if tensor is not None
    )
