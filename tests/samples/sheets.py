"""Reading a contact sheet back: its pixels, lines and words; and making one up."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image

from dynconv.data.sheet import Example, Row, Sheet

AUGMENT = {
    "classification": ["pad_crop", "cutout"],
    "segmentation": ["scale_crop", "flip"],
    "timeseries": ["jitter", "window_warp"],
}
DATASETS = ["digits", "shapes_voc", "ucr/GunPoint"]
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


def pictures(svg):
    """Every embedded picture in the order of the sheet: grey [H, W], colour [H, W, 3], masks [H, W, 4]."""
    return [decode(element.get(HREF)) for element in ET.fromstring(svg).iter(f"{SVG}image")]


def decode(uri):
    kind, content = re.fullmatch(r"data:image/(png|webp);base64,(.+)", uri).groups()
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.format == kind.upper()
    return np.asarray(picture.convert("RGBA") if picture.mode == "P" else picture)


def words(svg):
    """What is written on the sheet."""
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def points(path):
    """The corners of a line, [N, 2]."""
    start, _, rest = path.get("d").removeprefix("M").partition("l")
    numbers = [[float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)] for text in (start, rest)]
    return np.cumsum([numbers[0], *np.reshape(numbers[1], (-1, 2))], axis=0)


def made_up(*shape, names=("a", "b"), steps=("flip",), masks=False, rows=4, toy=False, dataset="d"):
    """A sheet of noise, its rows of the classes by turns."""
    random = np.random.default_rng(0)

    def example():
        x = random.normal(size=shape) if len(shape) == 2 else random.integers(0, 256, shape)
        x = x.astype(np.float32 if len(shape) == 2 else np.uint8)
        mask = random.integers(0, len(names), shape[1:]).astype(np.uint8) if masks else None
        if mask is not None:
            mask[: len(mask) // 4] = 255
        return Example(x, mask)

    made = [Row(n, n % len(names), example(), (example(), example(), example())) for n in range(rows)]
    return Sheet(dataset, toy, tuple(names), steps, 0, tuple(made))
