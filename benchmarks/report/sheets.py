"""Contact sheets of invented examples, drawn as `dynconv samples` draws them."""

from pathlib import Path

import numpy as np
from design import Design

from dynconv.data.sheet import Example, Row, Sheet
from dynconv.files import write_text
from dynconv.report import contact_sheet


def write(folder: Path, design: Design) -> None:
    """One file a dataset: six series of six classes, or four pictures."""
    rng = np.random.default_rng(4)
    for dataset, task in design.tasks.items():
        series = task == "timeseries"
        count, others = (6, 3) if series else (4, 4)
        rows = tuple(
            Row(place, place, _example(rng, task), tuple(_example(rng, task) for _ in range(others)))
            for place in range(count)
        )
        names = tuple(f"class {place}" for place in range(count))
        sheet = Sheet(dataset, toy=False, classes=names, steps=() if series else ("flip",), seed=0, rows=rows)
        write_text(folder / f"{dataset}.svg", contact_sheet.draw(sheet))


def _example(rng: np.random.Generator, task: str) -> Example:
    if task == "timeseries":
        return Example(rng.normal(size=(1, 250)).cumsum(axis=1).astype(np.float32))
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 1
    return Example(rng.integers(0, 255, (3, 32, 32), dtype=np.uint8), mask if task == "segmentation" else None)
