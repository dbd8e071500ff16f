"""A matplotlib figure as SVG and PDF: deterministic bytes, real text, no scripts, colours that follow the page."""

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dynconv.report.figures import font, svg
from dynconv.report.figures.palette import light

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, selectable, read aloud
    "svg.hashsalt": "dynconv",  # the same figure has the same bytes
    "pdf.fonttype": 42,  # TrueType, whose text an editor can change
    "text.parse_math": False,  # a dollar in a dataset's name is a dollar
    "font.size": 8.5,
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
    "axes.titley": 1.0,  # else matplotlib measures every tick label to place the title
    "grid.color": light("rule"),
    "grid.linewidth": 0.6,
    "text.color": light("ink"),
    "xtick.color": light("rule"),
    "ytick.color": light("rule"),
    "xtick.labelcolor": light("muted"),
    "ytick.labelcolor": light("muted"),
    "lines.solid_capstyle": "round",
}


@dataclass(frozen=True)
class Drawing:
    """One figure: `name` is its files', without suffix; `alt` says in words what it shows; `caption` may be long."""

    name: str
    alt: str
    caption: str
    svg: str
    pdf: bytes = b""  # empty where there is no PDF of it

    def inline(self) -> Markup:
        """The SVG for the page."""
        return svg.inline(self.svg, self.name, self.alt)


def file_name(prefix: str, name: str) -> str:
    """A file name from a dataset or task: slashes become dashes, and a name that is no plain word carries a digest."""
    plain = name.replace("/", "-")
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain)[:80]
    digest = "" if safe == plain else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{prefix}-{safe}{digest}"


def draw(name: str, alt: str, caption: str, plot: Callable[[Figure], None]) -> Drawing:
    """Let `plot` fill an empty figure (see `layout`), and return it as SVG and PDF."""
    image, document = io.StringIO(), io.BytesIO()
    with matplotlib.rc_context(_SETTINGS | {"font.family": font.families()}), warnings.catch_warnings():
        # A name in a script that the PDF's font lacks is boxes there; the SVG takes the reader's own fonts.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure = Figure()
        FigureCanvasSVG(figure)
        plot(figure)
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(document, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return Drawing(name, alt, caption, svg.clean(image.getvalue()), document.getvalue())
