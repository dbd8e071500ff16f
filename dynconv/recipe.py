"""The recipe: how one run is trained."""

import math
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from dynconv.explain import Strict, problems


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # YAML's `on`, `yes` and `true` would count as 1
        raise ValueError(f"must be a number, not {value}")
    return value


Number = pydantic.BeforeValidator(_number)
Fraction = Annotated[float, Number, Field(ge=0, lt=1)]
Positive = Annotated[float, Number, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Number, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Number, Field(ge=1)]


Strategy = Literal["auto", "single", "ddp", "deepspeed"]
# batch_fraction asks for no smaller batches (an epoch is then cut evenly): ODConv's
# attention is batch-normalised over one vector an example.
LEAST_BATCH = 8
UNCHANGED = ("checkpoint_every_s", "strategy", "zero_stage")  # keys that say how, not what, is computed


class Recipe(Strict):
    """How one run is trained.  Every key has a default; a study states what differs."""

    # network
    depth: Literal[18, 34, 50] = 18
    width: Positive = 1.0  # multiplies every channel count (1.0 = 64, 128, 256, 512)
    stem: Literal["small", "imagenet"] = "small"  # small: 3x3 stride 1; imagenet: 7x7 stride 2 and max-pool
    output_stride: Literal[8, 16, 32] = 16  # segmentation only
    head: Literal["fcn", "deeplabv3"] = "fcn"  # segmentation only
    # length of training
    epochs: Count = 100
    batch_size: Count = 128
    batch_fraction: Annotated[float, Number, Field(gt=0, le=1)] | None = None  # of the training examples: see `batch`
    accumulate: Count = 1  # micro-batches a step: memory for time at the same batch size
    drop_last: bool = False  # False: every example each epoch, in batches of nearly equal size
    # optimiser
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.9
    nesterov: bool = True
    weight_decay: NotNegative = 5e-4
    clip_norm: Positive | None = None
    label_smoothing: Fraction = 0.0
    ema_decay: Fraction | None = None  # evaluate the moving average of the weights, .999 or so; None: the last weights
    # schedule of the learning rate
    schedule: Literal["cosine", "step", "plateau", "constant"] = "cosine"
    warmup_epochs: NotNegative = 0.0
    step_epochs: tuple[Count, ...] = ()  # step: the epochs after which lr is multiplied by step_factor
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: Count = 50  # epochs without a lower training loss
    min_lr: NotNegative = 0.0
    # data
    augment: tuple[str, ...] = ()  # names of the steps in dynconv/data/augment.py, in order
    # temperature of dynamic kernels: linear, per iteration, from temperature_start to temperature_end
    temperature_start: Positive = 30.0
    temperature_end: Positive = 1.0
    temperature_epochs: NotNegative = 10.0
    # machine
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: bf16 where the GPU has it, else fp32
    channels_last: bool = True  # images on a GPU
    compile: bool = False  # torch.compile: minutes at the start, faster steps
    # many processes
    strategy: Strategy = "auto"  # auto: single alone, ddp with others
    zero_stage: Literal[0, 1, 2, 3] = (
        1  # deepspeed: what is cut into parts (1 optimiser, 2 gradients, 3 parameters, too)
    )
    sync_batchnorm: bool = True  # batch statistics over all processes: the same numbers however many there are
    checkpoint_every_s: NotNegative = 300.0

    @pydantic.model_validator(mode="after")
    def _together(self) -> "Recipe":
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate ({self.accumulate}) must not exceed batch_size ({self.batch_size})")
        if self.schedule == "step" and not self.step_epochs:
            raise ValueError("schedule: step needs step_epochs, for example [30, 60, 90]")
        if self.nesterov and self.optimizer == "sgd" and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self

    def batch(self, n: int) -> int:
        """Examples of a step where the training split has `n`: batch_size, unless batch_fraction makes it less.

        With it: `min(batch_size, max(8, floor(n * batch_fraction)))`, so that a small split gets enough steps an epoch.
        """
        if self.batch_fraction is None:
            return self.batch_size
        part = math.floor(round(n * self.batch_fraction, 6))  # rounded, for 0.29 * 100 is less than 29
        return min(self.batch_size, max(LEAST_BATCH, part))


def make_recipe(keys: dict[str, Any], where: str) -> Recipe:
    """The recipe with `keys` and the defaults of all others; ValueError, with `where` before each key, if it is bad."""
    try:
        return Recipe.model_validate(keys)
    except pydantic.ValidationError as error:
        raise ValueError("; ".join(f"{where}: {line}" for line in problems(error, Recipe))) from None
