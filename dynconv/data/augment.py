"""Augmentation of whole batches on their device, by named steps.

Every random number is keyed on (seed, epoch, example, step), so that what happens to an example does not depend on its
batch, the order or the number of workers.  The steps act after normalisation, on float32: 0 is the training mean, and
that is what fills pixels that come from outside the image (void in its mask).  `augment_stored` gives the same bits
from the bytes as they are stored.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import takewhile
from typing import NamedTuple

import torch

from dynconv import keyed
from dynconv.data import augment_images, augment_series
from dynconv.data.steps import TASKS_OF_STEP, check

__all__ = ["STEPS", "Step", "augment", "augment_stored", "check"]


class Step(NamedTuple):
    """One augmentation: the tasks it is made for, and `apply(x, y, draw) -> (x, y)`.

    `draw(n)` gives the step's numbers, float32 [B, n], uniform in [0, 1).
    """

    tasks: tuple[str, ...]
    apply: Callable[..., tuple[torch.Tensor, torch.Tensor]]


_APPLY = (
    augment_images.flip,
    augment_images.pad_crop,
    augment_images.random_resized_crop,
    augment_images.cutout,
    augment_images.scale_crop,
    augment_series.jitter,
    augment_series.scaling,
    augment_series.shift,
    augment_series.window_warp,
)
_WHOLE_PIXELS = ("flip", "pad_crop", "cutout")  # moved or blanked with 0: the same on stored bytes
STEPS: dict[str, Step] = {step.__name__: Step(TASKS_OF_STEP[step.__name__], step) for step in _APPLY}


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


def augment_stored(
    x: torch.Tensor,
    y: torch.Tensor,
    names: Iterable[str],
    normalise: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor],
    *,
    seed: int,
    epoch: int,
    ids: torch.Tensor,
    task: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalise and `augment` images as they are stored: the same bits, in less time.

    The first steps, as far as they move or blank whole pixels, act on the bytes: a quarter of the memory traffic.

    Args:
        x: uint8 [B, C, H, W].
        y: as stored: labels [B] or masks [B, H, W], of any integer type.
        names: of steps in `STEPS`.
        normalise: makes of such x and of `inside`, uint8 [B, 1, H, W], the normalised float32 images; inside is 0 where
            x holds nothing and the result is 0, and 1 elsewhere; None: 1 everywhere.
        seed: of the run.
        epoch: of the training.
        ids: int64 [B], the examples' places in the training split.
        task: of the dataset.

    Raises:
        DynconvError: as `check`.
    """
    names = list(names)
    check(names, task)
    apply = partial(augment, seed=seed, epoch=epoch, ids=ids, task=task)
    first = list(takewhile(_WHOLE_PIXELS.__contains__, names))
    if not first:
        return apply(normalise(x, None), y.long(), names)
    # A channel of ones goes with the image; wherever a step fills with 0, it is 0 too.
    x = torch.cat([x, x.new_ones(1).expand(len(x), 1, *x.shape[2:])], dim=1)
    x, y = apply(x, y, first)
    return apply(normalise(x[:, :-1], x[:, -1:]), y.long(), names[len(first) :])
