"""An SVG of matplotlib made fit for a page: small, without scripts or style sheets, in colours that follow the page."""

import hashlib
import re
import xml.etree.ElementTree as ET
from html import escape

from markupsafe import Markup

from dynconv.report.figures.palette import COLOURS
from dynconv.report.numbers import printable

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = "system-ui, 'Helvetica Neue', Arial, sans-serif"
_VARIABLES = {colours[0]: f"var(--{name})" for name, colours in COLOURS.items()}
_PRECISE = re.compile(r"-?\d+\.\d{3,}")  # a hundredth of a point is finer than any screen
_GEOMETRY = ("d", "x", "y")


def clean(svg: str) -> str:
    """The text of a file: no metadata, no style sheet that would leak into a page, short identifiers and numbers.

    Identifiers are numbered in the order of the file, because matplotlib makes some of them from addresses in memory.
    """
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _HREF[1:].partition("}")[0])
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    root.set("stroke-linejoin", "round")  # what the dropped style sheet said
    used = {hit for element in root.iter() for value in element.attrib.values() for hit in _references(value)}
    found = (identifier for element in root.iter() if (identifier := element.get("id")) in used)
    names = {str(identifier): f"i{place}" for place, identifier in enumerate(found)}
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                if value in names:
                    element.set(key, names[value])
                else:
                    del element.attrib[key]
            elif key in _GEOMETRY:
                element.set(key, " ".join(_PRECISE.sub(_hundredths, value).split()))
            elif hits := _references(value):
                element.set(key, value.replace(f"#{hits[0]}", f"#{names[hits[0]]}"))
            elif key == "style":
                element.set(key, re.sub(r"'DejaVu Sans[^;]*", _FONT, value))
    for group in root.iter(f"{{{_SVG}}}g"):
        _share_style(group)
    return ET.tostring(root, encoding="unicode") + "\n"


def _share_style(group: ET.Element) -> None:
    """Say once, on the group, how all of its marks look."""
    marks = [child for child in group if child.tag == f"{{{_SVG}}}use"]
    looks = {mark.get("style") for mark in marks}
    if (
        len(marks) > 1
        and len(looks) == 1
        and group.get("style") is None
        and all(child.tag in (f"{{{_SVG}}}use", f"{{{_SVG}}}defs") for child in group)
    ):
        group.set("style", str(looks.pop()))
        for mark in marks:
            del mark.attrib["style"]


def inline(svg: str, name: str, alt: str) -> Markup:
    """What `clean` returned, for the page: colours as CSS variables, identifiers that no other `name` gives."""
    prefix = f"f{hashlib.sha256(name.encode()).hexdigest()[:10]}-"

    def tag(hit: re.Match[str]) -> str:
        text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", hit[0])
        return re.sub(r"#[0-9a-f]{6}\b", lambda colour: _VARIABLES.get(colour[0], colour[0]), text)

    # In serialised XML `<` and `>` stand at the ends of tags alone, so that no word of a figure's text is touched.
    body = re.sub(r"<[^>]*>", tag, svg.strip())
    head, rest = body.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    return Markup(f'{head} role="img" aria-label="{escape(printable(alt))}">{rest}')


def _hundredths(hit: re.Match[str]) -> str:
    return f"{float(hit[0]):.2f}".rstrip("0").rstrip(".")


def _references(value: str) -> list[str]:
    return [value[1:]] if value.startswith("#") else re.findall(r"url\(#([^)]+)\)", value)
