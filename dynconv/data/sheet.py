"""Examples to be shown, as plain arrays.

A contact sheet is what `dynconv.engine.samples` fills and `dynconv.report.contact_sheet` draws; `Excerpt` what
`dynconv.data.chosen` chooses and `dynconv.report.example_rows` encodes.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Example:
    """One example in the units of the stored array: x uint8 [C, H, W] or float32 [C, L]."""

    x: np.ndarray
    mask: np.ndarray | None = None  # segmentation: uint8 [H, W], 255 = void


@dataclass(frozen=True)
class Row:
    """Training example `id`, which shows `label`, and what stands beside it."""

    id: int  # its place in the training split
    label: int
    stored: Example
    others: tuple[Example, ...]  # of successive epochs; without augmentation, further stored examples of the class


@dataclass(frozen=True)
class Sheet:
    """Training examples of one dataset, a row each."""

    dataset: str
    toy: bool
    classes: tuple[str, ...]
    steps: tuple[str, ...]  # the recipe's `augment`
    seed: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Excerpt:
    """Test examples of one dataset, which the report shows with what was predicted for them."""

    dataset: str
    toy: bool
    dataset_hash: str
    classes: tuple[str, ...]
    ids: tuple[int, ...]  # their places in the test split ...
    targets: tuple[int | None, ...]  # ... the class of each; None where it is a mask ...
    examples: tuple[Example, ...]  # ... and what is stored
