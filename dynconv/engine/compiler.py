"""torch.compile, the same under every strategy."""

import shutil

import torch
from torch import nn

from dynconv.errors import DynconvError

BACKEND = "inductor"


def compile_module(module: nn.Module, device: torch.device) -> None:
    """Compile `module` in place, so that its names stay, and whatever wraps it calls the compiled form.

    Batches have at most two sizes, so at most three shapes of a process' micro-batches are compiled, in the first
    epoch; each is compiled for its shape alone.

    Raises:
        DynconvError: on a CPU, no C++ compiler.
    """
    if device.type == "cpu" and BACKEND == "inductor" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise DynconvError(
            "recipe key compile: needs a C++ compiler (g++, clang++) on a CPU, and there is none; valid: false"
        )
    from dynconv.models.layers.batch_norm import keep_uncompiled

    keep_uncompiled(module)
    module.compile(dynamic=False, backend=BACKEND)
