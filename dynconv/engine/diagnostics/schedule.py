"""After which epochs a run is looked at: all of them, or as many as its length can pay for."""

STEPS = 50  # of training, at least, for each look, over the whole run
MOST = 100  # looks of a run: more would fill tables and tell nothing new


def epochs(total: int, steps: int) -> list[int]:
    """The epochs (counted from 1) after which to look, of `total` with `steps` optimiser steps each.

    A look costs about as much as a step, less where batches are large (docs/diagnostics.md): one in `STEPS` bounds
    its share of the time, whatever the machine.  Where not every epoch can be looked at, the looks are evenly spaced on
    a logarithmic axis, for kernels change most at the beginning.  The last epoch is always one of them.
    """
    looks = min(total, MOST, total * steps // STEPS)
    if looks == total:
        return list(range(1, total + 1))
    if looks < 2:
        return [total]
    spaced = (round(total ** (look / (looks - 1))) for look in range(looks))
    return sorted({*spaced})
