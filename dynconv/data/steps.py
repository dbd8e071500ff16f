"""The names of the augmentation steps, and the tasks that each is made for.  Imports no torch: plans use it."""

from collections.abc import Iterable

from dynconv.errors import DynconvError, valid

IMAGES = ("classification", "segmentation")

TASKS_OF_STEP: dict[str, tuple[str, ...]] = {
    "flip": IMAGES,
    "pad_crop": IMAGES,
    "random_resized_crop": ("classification",),
    "cutout": ("classification",),
    "scale_crop": ("segmentation",),
    "jitter": ("timeseries",),
    "scaling": ("timeseries",),
    "shift": ("timeseries",),
    "window_warp": ("timeseries",),
}


def check(names: Iterable[str], task: str) -> None:
    """Check a recipe's `augment`.

    Raises:
        DynconvError: a step is unknown, made for another task, or listed twice; the message lists the valid ones.
    """
    names = list(names)
    known = [name for name, tasks in TASKS_OF_STEP.items() if task in tasks]
    for name in names:
        if name not in known:
            what = f"is not a step for {task}" if name in TASKS_OF_STEP else "is not a step"
            raise DynconvError(f"augment: {name!r} {what}; {valid(known)}")
        if names.count(name) > 1:  # both would draw the same numbers
            raise DynconvError(f"augment: {name!r} is listed twice; each step may stand there once")
