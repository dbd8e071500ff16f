"""Segmentation masks: a class for each pixel, or void."""

import numpy as np


def highest_class(mask: np.ndarray) -> int:
    """The highest class in a mask (uint8, any shape); -1 if all of it is void."""
    # Void is the highest byte: one more, and it wraps to 0.  One pass, where leaving pixels out would copy them first.
    return int((mask + np.uint8(1)).max(initial=0)) - 1
