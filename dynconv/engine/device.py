"""Which device a process works on, and with which numbers."""

import torch

from dynconv.engine.world import World
from dynconv.errors import DynconvError


def choose_device(name: str, world: World | None = None) -> torch.device:
    """`auto` is this process' own GPU, or the CPU; anything else is a torch device.

    Raises:
        DynconvError: no such device, or more processes on this node than GPUs.
    """
    world = world or World()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DynconvError(f"--device: unknown device {name!r}; valid: auto, cpu, cuda, cuda:0, ...") from None
    if device.type not in ("cpu", "cuda"):
        raise DynconvError(f"--device: {name!r} is not supported; valid: auto, cpu, cuda, cuda:0, ...")
    if device.type == "cpu":
        return device
    if not torch.cuda.is_available():
        raise DynconvError(f"--device {name}: torch {torch.__version__} sees no GPU on this machine; valid: auto, cpu")
    count = torch.cuda.device_count()
    if device.index is None:
        # Where the cluster gives each task its own GPU, that is the only one that is seen.
        device = torch.device("cuda", 0 if count == 1 else world.local_rank)
    elif world.local_size > 1:
        raise DynconvError(f"--device {name}: {world.local_size} processes would share one GPU; valid: auto, cpu, cuda")
    if device.index >= count:
        raise DynconvError(f"--device {name}: GPU {device.index} of {count}; valid: 0 to {count - 1}")
    torch.cuda.set_device(device)
    return device


def choose_precision(wanted: str, device: torch.device) -> str:
    """The recipe's `precision`, with `auto` decided: fp32, bf16 or fp16."""
    if wanted == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if wanted == "fp16" and device.type == "cpu":
        raise DynconvError("recipe key precision: fp16 needs a GPU; valid on a CPU: auto, fp32, bf16")
    return wanted
