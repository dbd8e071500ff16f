"""Many processes with DeepSpeed's ZeRO (Rajbhandari et al. 2020, arXiv 1910.02054); the only file that names DeepSpeed.

Stage 0 is data parallelism; 1 cuts the optimiser's memory among the processes, 2 the gradients, 3 the parameters, too.
Tested with DeepSpeed 0.19.
"""

import contextlib
import copy
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from dynconv.engine import slots
from dynconv.engine.buffers import average_buffers
from dynconv.engine.checkpoint import fill
from dynconv.engine.compiler import compile_module
from dynconv.engine.optim import build_optimizer
from dynconv.engine.strategy import Strategy
from dynconv.engine.world import World
from dynconv.errors import DynconvError
from dynconv.models.layers.batch_norm import synchronise
from dynconv.models.resnet import Block
from dynconv.study import Recipe


class Zero(Strategy):
    """DeepSpeed's engine; parameters stay fp32, mixed precision is torch's autocast as under every strategy."""

    name: ClassVar[str] = "deepspeed"

    def __init__(self, world: World, device: torch.device, recipe: Recipe):
        super().__init__(world, device, recipe)
        if self.precision == "fp16" and recipe.zero_stage > 0:
            # Its own loss scaling never recovers from an overflow, and clips the scaled gradients (DeepSpeed 0.19).
            raise DynconvError(
                f"precision fp16 does not train under deepspeed with zero_stage {recipe.zero_stage}; "
                "valid: precision bf16 or fp32, or zero_stage 0"
            )

    def __enter__(self) -> "Zero":
        self.deepspeed = _import(self.device)
        os.environ["LOCAL_RANK"] = str(self.device.index or 0)  # that is where the engine moves the network
        self.world.join(self.device)
        return self

    def attach(self, module: nn.Module, accumulate: int, kept: dict[str, Any] | None) -> None:
        """See `Strategy.attach`."""
        recipe, stage = self.recipe, self.recipe.zero_stage
        module.to(memory_format=torch.contiguous_format)  # it lays parameters out as bytes: no channels_last
        self.bare = copy.deepcopy(module) if stage == 3 else None
        synchronise(module, recipe.sync_batchnorm)
        if recipe.compile:
            compile_module(module, self.device)
        if stage == 3:
            # A block's parameters come and go together: its layers use one another's.
            self.deepspeed.utils.set_z3_leaf_modules(module, [Block])
        mixed = {"enabled": self.precision != "fp32", "dtype": str(self.dtype).removeprefix("torch.")}
        config = {
            # Their product with the number of processes is all that the engine makes of the first two.
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": accumulate,
            "gradient_clipping": recipe.clip_norm or 0.0,
            "zero_optimization": {"stage": stage, "overlap_comm": self.device.type == "cuda"},
            "zero_allow_untested_optimizer": True,
            # No module is cast as a whole: gradients meet in fp32, as they do under DDP.
            "torch_autocast": {**mixed, "lower_precision_safe_modules": []},
            "steps_per_print": None,
        }
        self.engine, *_ = self.deepspeed.initialize(
            model=module, optimizer=build_optimizer(module, recipe), config=config, dist_init_required=False
        )
        self.module, self.model = module, self.engine
        self.partitioned = hasattr(self.engine.optimizer, "optimizer")  # ZeRO's own around torch's
        if kept:
            self._restore(kept)

    @contextlib.contextmanager
    def micro_batch(self, last: bool) -> Iterator[None]:
        """See `Strategy.micro_batch`."""
        self.engine.set_gradient_accumulation_boundary(last)
        yield

    def backward(self, loss: torch.Tensor) -> None:
        """See `Strategy.backward`; the engine averages where the shares are to be summed."""
        self.engine.backward(loss * self.world.size, scale_wrt_gas=False)

    def step(self, lr: float) -> None:
        """See `Strategy.step`."""
        for group in self.engine.optimizer.param_groups:
            group["lr"] = lr
        self.engine.step()
        if not self.recipe.sync_batchnorm:
            average_buffers(self.module, self.world)

    def parameters(self) -> dict[str, torch.Tensor]:
        """See `Strategy.parameters`."""
        whole = self.deepspeed.utils.safe_get_full_fp32_param
        named = self.module.named_parameters()
        return {name: whole(p) if self.bare is not None else p.detach() for name, p in named}

    def optimizer_state(self) -> dict[str, Any]:
        """See `Strategy.optimizer_state`."""
        scaler = self.engine.torch_autocast_z0_gradscaler
        told: dict[str, Any] = {"scaler": scaler.state_dict() if scaler else {}}
        if not self.partitioned:
            return slots.read(self.engine.optimizer, self.module) | told
        state = self._flat_state()
        keys = [key for key, value in state.items() if key != "step" and value is not None]
        whole = self.deepspeed.utils.safe_get_full_optimizer_state
        parts = {key: {name: whole(p, key) for name, p in self.module.named_parameters()} for key in keys}
        return {"slots": parts, "steps": float(state["step"]) if "step" in state else None} | told

    def plain(self) -> nn.Module:
        """See `Strategy.plain`."""
        if self.bare is None:
            return super().plain()
        fill(self.bare, {"parameters": self.parameters(), "buffers": dict(self.module.named_buffers())})
        return self.bare

    def _flat_state(self) -> dict[str, Any]:
        """What torch's optimiser remembers of the first of this process' flat parts."""
        optimizer = self.engine.optimizer.optimizer
        return next(iter(optimizer.state.values()), {})

    def _restore(self, kept: dict[str, Any]) -> None:
        scaler = self.engine.torch_autocast_z0_gradscaler
        if scaler and kept["scaler"]:
            scaler.load_state_dict(kept["scaler"])
        if not self.partitioned:
            slots.write(self.engine.optimizer, self.module, kept)
            return
        if not kept["slots"]:
            return
        # torch's optimiser makes its memory in its first step: it is made here, for its flat parts.
        zero = self.engine.optimizer
        flat = zero.fp32_partitioned_groups_flat if self.bare is not None else zero.single_partition_of_fp32_groups
        for part in flat:
            memory = {key: torch.zeros_like(part) for key in kept["slots"]}
            steps = {} if kept["steps"] is None else {"step": torch.tensor(kept["steps"])}
            zero.optimizer.state[part] = memory | steps
        if self.bare is None:
            zero._lazy_init_hp_params_optimizer_state()  # or the call below would not find it
        for key, tensors in kept["slots"].items():
            for name, parameter in self.module.named_parameters():
                if name not in tensors:  # it never had a gradient
                    continue
                value = tensors[name].to(self.device)
                if self.bare is None:
                    self.deepspeed.utils.safe_set_full_optimizer_state(parameter, value, key)
                    continue
                # For stage 3 that function fails where the processes do not divide the size (DeepSpeed 0.19).
                part, _ = zero._get_fp32_opt_state_partition(parameter, False, optim_state_key=key)
                own = value.flatten()[self.world.rank * part.numel() :][: part.numel()]
                part[: own.numel()].copy_(own)


def _import(device: torch.device) -> Any:
    """DeepSpeed, quiet, for the device, and without what it would compile for minutes."""
    os.environ.setdefault("DS_ACCELERATOR", device.type)
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "error")
    try:
        import deepspeed
    except ImportError:
        raise DynconvError("strategy deepspeed: not installed; valid: pip install 'dynconv[deepspeed]'") from None
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    # It calls functions that torch has renamed; at every step, on every process.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed\.")
    # Shared memory for inference on CPUs: 90 seconds of C++ for nothing that is used here.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed
