"""The pictures of test examples as the page takes them: data URIs with the size they are shown at and their words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynconv.data.thumbnail import LONGEST
from dynconv.data.voc_format import palette
from dynconv.report.embed import levels
from dynconv.report.embed import mask as masked
from dynconv.report.example_predictions import Mask

_SIDE = 96  # CSS pixels of a picture's longer side
_SERIES = (150, 8)  # of where a network computed along a series: as long as the line it stands under
_STEPS = (1, 2, 4, 8)  # every n-th position is kept where pictures would be too heavy
Key = tuple[str, int, str]  # variant, example, kind


@dataclass(frozen=True)
class Picture:
    """An image for `<img>`; `exact`: its pixels are meant to be seen."""

    uri: str
    alt: str
    width: int
    height: int
    exact: bool


class Pictures:
    """The data URIs of `masks`, which take no more than `room` bytes together if thinning them can do it."""

    def __init__(self, masks: Mapping[Key, Mask], room: int) -> None:
        self.uris: dict[Key, str] = {}
        for step in _STEPS:
            self.uris = {key: _uri(found, key[2], step) for key, found in masks.items()}
            if sum(map(len, self.uris.values())) <= room:
                break

    def __getitem__(self, key: Key) -> str:
        return self.uris[key]


def stored(uri: str, shape: list[int], alt: str) -> Picture:
    """The image or mask of a stored example of `shape` [channels, height, width]."""
    height, width = shape[1:]
    return Picture(uri, alt, *_size(height, width), max(height, width) <= LONGEST)


def mask(uri: str, values: np.ndarray, alt: str) -> Picture:
    """A predicted mask."""
    return Picture(uri, alt, *_size(*values.shape), True)


def blocks(uri: str, values: np.ndarray, alt: str) -> Picture:
    """Where a network computed: a strip for a series."""
    return Picture(uri, alt, *(_SERIES if len(values) == 1 else _size(*values.shape)), True)


def colour(label: int) -> str:
    """The colour of a class in a mask."""
    return "#" + "".join(f"{value:02x}" for value in palette()[3 * label : 3 * label + 3])


def _uri(found: Mask, kind: str, step: int) -> str:
    # A strip is thinned along its only axis.
    parts = tuple(slice(step // 2, None, step) if extent > step else slice(None) for extent in found.values.shape)
    values = found.values[parts]
    return masked(values)[0] if kind == "mask" else levels(values, found.levels)


def _size(height: int, width: int) -> tuple[int, int]:
    scale = _SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
