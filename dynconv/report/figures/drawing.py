"""A matplotlib figure as SVG: deterministic bytes, real text, no scripts, colours that follow the page."""

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dynconv.report.figures.palette import COLOURS, light

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = "system-ui, 'Helvetica Neue', Arial, sans-serif"
_LABEL = 15  # characters: what a third of the width has room for
_SIZE = (4.2, 3.1)  # inches: as wide as a phone, so that its text is legible there without zooming


@dataclass(frozen=True)
class Drawing:
    """One figure: `name` is its file's, without suffix; `alt` says in words what it shows; `caption` may be long."""

    name: str
    alt: str
    caption: str
    svg: str

    def inline(self) -> Markup:
        """The SVG for the page: colours as CSS variables, identifiers that no other figure has."""
        root = _root(self.svg)
        for size in ("width", "height"):
            root.attrib.pop(size, None)
        root.set("role", "img")
        root.set("aria-label", self.alt)
        prefix = f"f{hashlib.sha256(self.name.encode()).hexdigest()[:10]}-"
        variables = {colours[0]: f"var(--{name})" for name, colours in COLOURS.items()}
        for element in root.iter():
            for key, value in element.attrib.items():
                if key == "id":
                    element.set(key, prefix + value)
                elif key == _HREF and value.startswith("#"):
                    element.set(key, f"#{prefix}{value[1:]}")
                elif key in ("style", "clip-path"):
                    value = value.replace("url(#", f"url(#{prefix}")
                    element.set(key, re.sub(r"#[0-9a-f]{6}\b", lambda hit: variables.get(hit[0], hit[0]), value))
        # The source is matplotlib's own output, parsed and serialised again: its text is escaped.
        return Markup(ET.tostring(root, encoding="unicode"))


def file_name(prefix: str, name: str) -> str:
    """A file name from a dataset or task: slashes become dashes, and a name that is no plain word carries a digest."""
    plain = name.replace("/", "-")
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain)[:80]
    digest = "" if safe == plain else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{prefix}-{safe}{digest}"


def legend(figure: Figure) -> None:
    """A legend of all axes below the figure, in as many columns as the names leave room for."""
    longest = max(len(label) for axes in figure.axes for label in axes.get_legend_handles_labels()[1])
    figure.legend(loc="outside lower center", ncols=3 if longest <= _LABEL else 2)


def draw(name: str, alt: str, caption: str, plot: Callable[[Figure], None]) -> Drawing:
    """Let `plot` fill an empty figure, and return it as SVG."""
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: small, selectable, read aloud
        "svg.hashsalt": "dynconv",  # the same figure has the same bytes
        "text.parse_math": False,  # a dollar in a dataset's name is a dollar
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same measures on every machine
        "font.size": 9,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": light("rule"),
        "axes.labelcolor": light("muted"),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "grid.color": light("rule"),
        "grid.linewidth": 0.6,
        "text.color": light("ink"),
        "xtick.color": light("rule"),
        "ytick.color": light("rule"),
        "xtick.labelcolor": light("muted"),
        "ytick.labelcolor": light("muted"),
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.solid_capstyle": "round",
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        plot(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Drawing(name, alt, caption, ET.tostring(_clean(_root(buffer.getvalue())), encoding="unicode") + "\n")


def _root(svg: str) -> ET.Element:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _HREF[1:].partition("}")[0])
    return ET.fromstring(svg)


def _clean(root: ET.Element) -> ET.Element:
    """Drop metadata, the style sheet that would leak into a page, and identifiers that nothing refers to."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    root.set("stroke-linejoin", "round")  # what the dropped style sheet said
    used = {hit for element in root.iter() for value in element.attrib.values() for hit in _references(value)}
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if style := element.get("style"):
            element.set("style", re.sub(r"'DejaVu Sans'[^;]*", _FONT, style))
    return root


def _references(value: str) -> list[str]:
    return [value[1:]] if value.startswith("#") else re.findall(r"url\(#([^)]+)\)", value)
