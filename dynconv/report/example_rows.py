"""Test examples as rows of the table `examples`: small pictures and lines, ready for a page.  Imports no torch."""

from typing import Any

import numpy as np

from dynconv.data import VOID
from dynconv.data.sheet import Example, Excerpt
from dynconv.report.embed import image, line, mask

BOX = (150.0, 44.0)  # width and height in which lines are drawn
CHANNELS = 3  # of a series that are drawn
_POINTS = 150  # of a line, at most


def rows(excerpt: Excerpt) -> list[dict[str, Any]]:
    """One row an example; the same examples give the same rows."""
    shared = {
        "dataset": excerpt.dataset,
        "classes": list(excerpt.classes),
        "toy": excerpt.toy,
        "dataset_hash": excerpt.dataset_hash,
    }
    return [
        {**shared, "example_id": index, "target": target, **_drawn(example, len(excerpt.classes))}
        for index, target, example in zip(excerpt.ids, excerpt.targets, excerpt.examples, strict=True)
    ]


def _drawn(example: Example, classes: int) -> dict[str, Any]:
    x = example.x
    drawn: dict[str, Any] = {"shape": list(x.shape)}
    if x.ndim == 2:
        shown = x[:CHANNELS]
        low, high = float(shown.min()), float(shown.max())
        return {**drawn, "lines": [line(series, low, high, *BOX, _POINTS) for series in shown]}
    drawn["picture"] = image(x, exact=False)[0]
    if example.mask is not None:
        areas = np.bincount(example.mask[example.mask != VOID], minlength=classes)
        drawn["present"] = [int(label) for label in np.argsort(-areas, kind="stable") if areas[label]]
        drawn["mask"] = mask(example.mask)[0]
    return drawn
