"""Pixels and series as they stand in an SVG: data URIs and paths, small and the same every time."""

import base64
import io

import numpy as np

from dynconv.data import VOID
from dynconv.data.thumbnail import LONGEST, thin
from dynconv.data.voc_format import palette

_LIGHT, _DARK = np.array([235, 241, 247]), np.array([8, 48, 107])  # the ends of a scale: a blue, for every eye
_SMALL = 1024  # bytes of pixels up to which PNG is small for any picture


def image(x: np.ndarray, *, exact: bool) -> tuple[str, bool]:
    """A data URI of x uint8 [C, H, W], and whether it has all of x's pixels.

    PNG, which keeps every value, if `exact` and where it is small; else WebP, a sixth of the size.
    Of other numbers of channels than 1 and 3, the first is shown.
    """
    from PIL import Image

    pixels = x.transpose(1, 2, 0) if len(x) == 3 else x[0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    whole = max(picture.size) <= LONGEST
    if not whole:
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    if whole and (exact or pixels.nbytes <= _SMALL):
        return _uri(picture, "png", optimize=True), whole
    return _uri(picture, "webp", quality=80, method=6), whole


def mask(y: np.ndarray) -> tuple[str, bool]:
    """A PNG data URI of the mask uint8 [H, W] in VOC's colours, void transparent, and whether it has all its pixels."""
    from PIL import Image

    whole = max(y.shape) <= LONGEST
    y = thin(y)
    colours = int(y[y != VOID].max(initial=0)) + 1  # a palette no longer than needed: it would outweigh the pixels
    void = min(colours, VOID)
    picture = Image.fromarray(np.where(y == VOID, void, y).astype(np.uint8)).convert("P")
    picture.putpalette([*palette()[: 3 * colours], 0, 0, 0][: 3 * (void + 1)])
    return _uri(picture, "png", optimize=True, transparency=void), whole


def levels(y: np.ndarray, most: int) -> str:
    """A PNG data URI of y uint8 [H, W] from 0 (light) to `most` (dark), at most 255."""
    from PIL import Image

    share = np.linspace(0, 1, most + 1)[:, None]
    colours = np.rint((1 - share) * _LIGHT + share * _DARK).astype(int)
    picture = Image.fromarray(np.minimum(y, most)).convert("P")
    picture.putpalette(colours.ravel().tolist())
    return _uri(picture, "png", optimize=True)


def line(series: np.ndarray, low: float, high: float, width: float, height: float, most: int) -> str:
    """The path of a series [L] in a box; `low` lies at its bottom, `high` at its top.

    Of a series longer than `most` points the least and greatest value of each part are kept, so that no peak is lost.
    """
    times = np.arange(len(series))
    if len(series) > most:
        parts = np.array_split(times, max(1, most // 2))
        times = np.unique([part[place(series[part])] for part in parts for place in (np.argmin, np.argmax)])
    x = times / max(1, len(series) - 1) * width
    y = height * (1 - (series[times] - low) / (high - low if high > low else 1.0))
    points = np.rint(np.stack([x, y], 1) * 10).astype(int)
    steps = np.diff(points, axis=0)  # relative: half the digits
    return f"M{_short(points[0])}l" + " ".join(map(_short, steps)) if len(steps) else f"M{_short(points[0])}h.1"


def _short(point: np.ndarray) -> str:
    """Tenths as the shortest text that SVG reads: `-.5 12`."""
    words = [f"{value / 10:g}".replace("0.", ".", 1) if abs(value) < 10 else f"{value / 10:g}" for value in point]
    return words[0] + ("" if words[1].startswith("-") else " ") + words[1]


def _uri(picture, kind: str, **options) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()
