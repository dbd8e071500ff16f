"""Augmentation of whole batches on their device, by named steps.

Every random number is keyed on (seed, epoch, example, step), so that what happens to an example does not depend on its
batch, the order or the number of workers.  The steps act after normalisation, on float32: 0 is the training mean, and
that is what fills pixels that come from outside the image (void in its mask).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch

from dynconv.data import augment_images, augment_series, keyed
from dynconv.errors import DynconvError, valid

IMAGES = ("classification", "segmentation")


class Step(NamedTuple):
    """One augmentation: the tasks it is made for, and `apply(x, y, draw) -> (x, y)`.

    `draw(n)` gives the step's numbers, float32 [B, n], uniform in [0, 1).
    """

    tasks: tuple[str, ...]
    apply: Callable[..., tuple[torch.Tensor, torch.Tensor]]


STEPS: dict[str, Step] = {
    "flip": Step(IMAGES, augment_images.flip),
    "pad_crop": Step(IMAGES, augment_images.pad_crop),
    "random_resized_crop": Step(("classification",), augment_images.random_resized_crop),
    "cutout": Step(("classification",), augment_images.cutout),
    "scale_crop": Step(("segmentation",), augment_images.scale_crop),
    "jitter": Step(("timeseries",), augment_series.jitter),
    "scaling": Step(("timeseries",), augment_series.scaling),
    "shift": Step(("timeseries",), augment_series.shift),
    "window_warp": Step(("timeseries",), augment_series.window_warp),
}


def check(names: Iterable[str], task: str) -> None:
    """Check a recipe's `augment`.

    Raises:
        DynconvError: a step is unknown, made for another task, or listed twice; the message lists the valid ones.
    """
    names = list(names)
    known = [name for name, step in STEPS.items() if task in step.tasks]
    for name in names:
        if name not in known:
            what = f"is not a step for {task}" if name in STEPS else "is not a step"
            raise DynconvError(f"augment: {name!r} {what}; {valid(known)}")
        if names.count(name) > 1:  # both would draw the same numbers
            raise DynconvError(f"augment: {name!r} is listed twice; each step may stand there once")


def augment(
    x: torch.Tensor, y: torch.Tensor, names: Iterable[str], *, seed: int, epoch: int, ids: torch.Tensor, task: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply the steps `names`, in order, to a normalised batch.

    Args:
        x: float32 [B, C, H, W] or [B, C, L].
        y: labels int64 [B], which no step changes, or masks int64 [B, H, W], which follow their images.
        names: of steps in `STEPS`.
        seed: of the run.
        epoch: of the training.
        ids: int64 [B], the examples' places in the training split.
        task: of the dataset.

    Raises:
        DynconvError: as `check`.
    """
    names = list(names)
    check(names, task)
    ids = ids.to(x.device)
    for name in names:
        x, y = STEPS[name].apply(x, y, partial(keyed.uniform, seed, epoch, ids, f"augment/{name}"))
    return x, y
