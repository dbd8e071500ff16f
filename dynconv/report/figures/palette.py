"""The colours of the report: one fixed colour and marker a variant, each legible on a light and on a dark page.

Hues after Okabe and Ito's colour-blind-safe palette, darkened for light paper and lightened for dark; the marker
repeats what the colour says.
"""

from dataclasses import dataclass

# name of the CSS variable -> (light, dark)
INK = {"ink": ("#1f2328", "#e6e8eb"), "muted": ("#59616b", "#a3abb5"), "rule": ("#d5d9de", "#3a4048")}
SERIES = {
    "series-0": ("#5c6673", "#b4bcc7"),  # the control: grey, the baseline that the others stand out from
    "series-1": ("#0a6cab", "#5cb5ee"),
    "series-2": ("#bf4f00", "#f28c4b"),
    "series-3": ("#00755a", "#3bc7a1"),
    "series-4": ("#a23f78", "#e592c2"),
    "series-5": ("#856300", "#dfb32f"),
    "series-6": ("#3f4cae", "#9ba8ff"),
    "series-7": ("#754a30", "#cda183"),
}
COLOURS = INK | SERIES
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class Style:
    """How a variant is drawn: the name of its CSS variable, its colour on paper, its marker."""

    variable: str
    colour: str
    marker: str


def light(name: str) -> str:
    """The colour of a CSS variable on a light page: what matplotlib draws with."""
    return COLOURS[name][0]


def styles(variants: list[str]) -> dict[str, Style]:
    """A style for each variant by its place: grey is the control's, the first; colours return with other markers."""
    found = {}
    for place, variant in enumerate(variants):
        turn, slot = divmod(place - 1, len(SERIES) - 1) if place else (0, -1)
        slot += 1
        variable = f"series-{slot}"
        found[variant] = Style(variable, light(variable), MARKERS[(slot + turn) % len(MARKERS)])
    return found
