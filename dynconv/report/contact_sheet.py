"""A contact sheet as SVG: the training examples of a dataset, stored and augmented.  Imports no torch, no matplotlib.

The file carries its own words: `<title>` says what it shows, `<desc>` is its caption.  Its colours are those of a light
page; `dynconv.report.samples` gives them to the report's page.
"""

import xml.etree.ElementTree as ET

import numpy as np

from dynconv.data import VOID
from dynconv.data.sheet import Example, Row, Sheet
from dynconv.data.voc_format import palette
from dynconv.report.embed import image, line, mask
from dynconv.report.figures.palette import light
from dynconv.report.numbers import listing, shorten

FONT = "system-ui, 'Helvetica Neue', Arial, sans-serif"
_WIDTH = 302.0  # user units: with the type below, as legible as the report's other figures
_GAP = 6.0
_TALLEST = 1.5  # height of a picture, in widths
_SERIES_HEIGHT = 44.0
_POINTS = 150  # of a line, at most
_LINES_BYTES = 14_000  # that all lines of a sheet may take, and ...
_POINT_BYTES = 8  # ... what a point of one takes
_CHANNELS = 3  # of a series that are drawn
_DASHES = (None, "3 1.5", "1 1.5")  # tell the channels of a series apart
_NAMES = 4  # classes of a mask that its row names


def draw(sheet: Sheet) -> str:
    """The sheet as the text of an SVG file; the same sheet gives the same text."""
    series = sheet.rows[0].stored.x.ndim == 2
    heads = _heads(sheet, series)
    panels = max(len(heads), 1 + max(len(row.others) for row in sheet.rows) - (series and bool(sheet.steps)))
    width = (_WIDTH - _GAP * (panels - 1)) / panels
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"})
    ET.SubElement(root, "title").text = _title(sheet)
    ET.SubElement(root, "desc").text = _caption(sheet)
    defs = ET.SubElement(root, "defs")
    body = ET.SubElement(root, "g", {"clip-path": "url(#page)", "style": f"font: 9px {FONT}; fill: {light('muted')}"})
    _text(body, 0, 10, shorten(sheet.dataset, 40) + sheet.toy * " (toy)", f"font-size: 10px; fill: {light('ink')}")
    for place, name in enumerate(heads):
        _text(body, place * (width + _GAP), 24, name)
    top = 28.0
    for row in sheet.rows:
        _label(body, top + 10, sheet, row)
        draw_row = _lines if series else _pictures
        top += 14 + draw_row(body, defs, sheet, row, top + 14, width) + 5
    _definitions(defs, top)
    # Width and height are of the file alone; the page decides for itself.
    root.attrib |= {"viewBox": f"0 0 {_WIDTH:g} {top:.0f}", "width": f"{2 * _WIDTH:g}", "height": f"{2 * top:.0f}"}
    return ET.tostring(root, encoding="unicode") + "\n"


def _heads(sheet: Sheet, series: bool) -> list[str]:
    """What stands over the columns.  A stored series is drawn in grey behind each augmented one."""
    if not sheet.steps:
        return ["no augmentation in the recipe"]
    epochs = [f"epoch {epoch}" for epoch in range(1, len(sheet.rows[0].others) + 1)]
    return epochs if series else ["stored", *epochs]


def _title(sheet: Sheet) -> str:
    shown = listing([shorten(sheet.classes[row.label], 30) for row in sheet.rows])
    how = f"as stored and augmented by {listing(list(sheet.steps))}" if sheet.steps else "as stored"
    return f"{sheet.dataset}: training examples of {shown}, {how}."


def _caption(sheet: Sheet) -> str:
    masks, series = sheet.rows[0].stored.mask is not None, sheet.rows[0].stored.x.ndim == 2
    words = ["Toy data."] if sheet.toy else []
    if not sheet.steps:
        words.append("No augmentation in the recipe: training examples as they are stored.")
    elif series:
        words.append(
            f"Grey: as stored; in colour: after {', '.join(sheet.steps)}, as by the recipe for seed {sheet.seed}."
        )
    else:
        words.append(f"As stored, then after {', '.join(sheet.steps)}, as by the recipe for seed {sheet.seed}.")
    if masks:
        words.append("Below each image its mask; hatched: void, which does not count.")
    if series and (channels := sheet.rows[0].stored.x.shape[0]) > 1:
        words.append(f"Lines: {f'the first {_CHANNELS} of ' if channels > _CHANNELS else ''}{channels} channels.")
    return " ".join(words)


def _definitions(defs: ET.Element, height: float) -> None:
    """What every sheet may refer to: its own edge, where text is cut off, and the hatching of void pixels."""
    edge = {"x": "-1", "width": f"{_WIDTH + 2:g}", "height": f"{height:.0f}"}
    ET.SubElement(ET.SubElement(defs, "clipPath", {"id": "page"}), "rect", edge)
    hatch = {"id": "void", "width": "4", "height": "4", "patternUnits": "userSpaceOnUse"}
    pattern = ET.SubElement(defs, "pattern", {**hatch, "patternTransform": "rotate(45)"})
    ET.SubElement(pattern, "path", {"d": "M0 0V4", "style": f"stroke: {light('muted')}; stroke-width: 1.2"})


def _label(body: ET.Element, y: float, sheet: Sheet, row: Row) -> None:
    """The row's class; where there are masks, the key to their colours."""
    examples = (row.stored, *row.others)
    style = f"fill: {light('ink')}"
    if row.stored.mask is None:
        text = _text(body, 0, y, "class ")  # a name may be a bare number
        ET.SubElement(text, "tspan", {"style": style}).text = shorten(sheet.classes[row.label], 50)
        return
    masks = np.stack([example.mask for example in examples if example.mask is not None])
    areas = np.bincount(masks[masks != VOID], minlength=len(sheet.classes))
    present = [int(label) for label in np.argsort(-areas, kind="stable") if areas[label]]
    text, colours = _text(body, 0, y, "", style), np.array(palette()).reshape(-1, 3)
    for label in present[:_NAMES]:
        colour = "#" + "".join(f"{value:02x}" for value in colours[label])
        swatch = {"style": f"fill: {colour}; stroke: {light('muted')}; stroke-width: .4"}
        ET.SubElement(text, "tspan", swatch).text = "■"
        name = shorten(sheet.classes[label], 60 // min(len(present), _NAMES) - 4)
        ET.SubElement(text, "tspan").text = f"\u00a0{name}\u2002"
    if len(present) > _NAMES:
        ET.SubElement(text, "tspan").text = f"and {len(present) - _NAMES} more"


def _pictures(body: ET.Element, defs: ET.Element, sheet: Sheet, row: Row, top: float, width: float) -> float:
    """The row's images, and below them their masks; returns the height they take."""
    rows, columns = row.stored.x.shape[1:]
    height = min(width * rows / columns, width * _TALLEST)
    drawn = height * columns / rows
    for place, example in enumerate((row.stored, *row.others)):
        box = {"x": f"{place * (width + _GAP):.1f}", "width": f"{drawn:.1f}", "height": f"{height:.1f}"}
        _picture(body, box | {"y": f"{top:.1f}"}, image(example.x, exact=place == 0))
        if example.mask is not None:
            below = box | {"y": f"{top + height + 2:.1f}"}
            ET.SubElement(body, "rect", {**below, "style": "fill: url(#void)"})
            _picture(body, below, mask(example.mask))
    return height if row.stored.mask is None else 2 * height + 2


def _picture(body: ET.Element, box: dict[str, str], source: tuple[str, bool]) -> None:
    uri, whole = source
    scaling = {"style": "image-rendering: pixelated"} if whole else {}
    ET.SubElement(body, "image", {**box, **scaling, "preserveAspectRatio": "none", "xlink:href": uri})
    ET.SubElement(body, "rect", {**box, "style": f"fill: none; stroke: {light('rule')}; stroke-width: .5"})


def _lines(body: ET.Element, defs: ET.Element, sheet: Sheet, row: Row, top: float, width: float) -> float:
    """The row's series on one scale; returns the height they take."""
    examples = (row.stored, *row.others)
    channels = min(_CHANNELS, len(row.stored.x))
    values = np.concatenate([example.x[:channels].ravel() for example in examples])
    low, high = float(values.min()), float(values.max())
    most = _LINES_BYTES // (_POINT_BYTES * len(sheet.rows) * len(examples) * channels)

    def draw_in(parent: ET.Element, example: Example, look: str) -> None:
        parent.set("style", f"fill: none; {look}")
        for series, dashes in zip(example.x[:channels], _DASHES, strict=False):
            d = line(series, low, high, width, _SERIES_HEIGHT, min(_POINTS, most))
            ET.SubElement(parent, "path", {"d": d} | ({"stroke-dasharray": dashes} if dashes else {}))

    behind = f"stored-{row.id}"
    if sheet.steps:
        group = ET.SubElement(defs, "g", {"id": behind})
        draw_in(group, row.stored, f"stroke: {light('muted')}; stroke-width: 1; opacity: .5")
    for place, example in enumerate(row.others if sheet.steps else examples):
        panel = ET.SubElement(body, "g", {"transform": f"translate({place * (width + _GAP):.1f} {top:.1f})"})
        if sheet.steps:
            ET.SubElement(panel, "use", {"xlink:href": f"#{behind}"})
        draw_in(panel, example, f"stroke: {light('series-1')}; stroke-width: .8")
    return _SERIES_HEIGHT


def _text(parent: ET.Element, x: float, y: float, text: str, style: str = "") -> ET.Element:
    element = ET.SubElement(parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **({"style": style} if style else {})})
    element.text = text
    return element
