"""Time-series classification: the same measures over a 1-D backbone."""

from dynconv.tasks.classification import Classification


class TimeSeries(Classification):
    """One label a series.  Inputs float32 [B, C, L], z-normalised when prepared."""

    name = "timeseries"
    ndim = 1


TASK = TimeSeries()
