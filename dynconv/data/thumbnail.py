"""How large a picture is where it is only looked at."""

import numpy as np

LONGEST = 112  # positions of its longer side


def thin(values: np.ndarray) -> np.ndarray:
    """Every n-th position of `values` [H, W], or [L], so that no axis is longer than `LONGEST`; short ones whole."""
    if max(values.shape) <= LONGEST:
        return values
    step = -(-max(values.shape) // LONGEST)
    return values[tuple(slice(step // 2, None, step) if extent > step // 2 else slice(None) for extent in values.shape)]
