"""Texts for a terminal of any width and encoding, whatever users have called their things."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

STYLES = {
    "ok": "green",
    "running": "bold yellow",
    "queued": "dim",
    "failed": "bold red",
    "died": "bold red",
    "missing": "dim",
}


@dataclass(frozen=True)
class Symbols:
    """What stands for a run's state, and for other things."""

    glyphs: dict[str, str]
    dot: str
    more: str
    bar: str
    plain: bool  # ASCII only


UNICODE = Symbols(
    {"ok": "■", "running": "▶", "queued": "·", "failed": "✗", "died": "✗", "missing": " "}, " · ", "…", "━", False
)
ASCII = Symbols(
    {"ok": "#", "running": ">", "queued": ".", "failed": "x", "died": "x", "missing": " "}, ", ", "~", "=", True
)


def symbols(encoding: str | None) -> Symbols:
    """Those that a stream of that encoding can show."""
    return UNICODE if (encoding or "ascii").lower().replace("-", "").replace("_", "") == "utf8" else ASCII


def clean(text: str, marks: Symbols) -> str:
    """On one line and harmless: no control codes, and ASCII where nothing else can be shown."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text.encode("ascii", "replace").decode() if marks.plain else text


def cut(text: str, width: int, marks: Symbols) -> str:
    """At most `width` cells of a terminal."""
    if width <= 0:
        return ""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + marks.more


def fit(text: str, width: int, marks: Symbols) -> str:
    """Exactly `width` cells."""
    return set_cell_size(cut(text, width, marks), width)


def line(width: int, *parts: tuple[str, str] | str) -> Text:
    """One line of styled parts, cut at `width` cells."""
    text = Text(no_wrap=True, overflow="crop")
    for part in parts:
        text.append(*((part,) if isinstance(part, str) else part))
    text.truncate(width)
    return text
