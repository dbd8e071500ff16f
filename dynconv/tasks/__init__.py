"""The three tasks, one file each; `get(name)` returns the task object."""

from dynconv import plugins
from dynconv.tasks.base import Sums, Task

__all__ = ["Sums", "Task", "get"]


def get(name: str) -> Task:
    """The task of that name (classification, segmentation, timeseries)."""
    return plugins.load("dynconv.tasks", name).TASK
