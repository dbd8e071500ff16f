"""The font of the figures: DejaVu Sans without what figures never need.

A PDF embeds the glyphs that it uses. Picking them out of the whole font, with its 6,000 glyphs and its layout tables,
takes ten times as long, half of the drawing of a figure.
"""

import functools
import tempfile
from pathlib import Path

from matplotlib import font_manager

_WHOLE = "DejaVu Sans"  # comes with matplotlib: the same measures on every machine
_NAME = "DejaVu Sans of dynconv"
# Latin, Greek and Cyrillic, punctuation, arrows and mathematical signs; all else is taken from the whole font.
_KEPT = (range(0x20, 0x250), range(0x370, 0x530), range(0x2000, 0x2300))
_TABLES = ("GSUB", "GPOS", "GDEF", "MATH", "kern", "FFTM")


@functools.cache
def families() -> list[str]:
    """Names for `font.family`, the trimmed font first; it is made once a process and known to matplotlib from then."""
    from fontTools import subset

    options = subset.Options(glyph_names=True, hinting=False, layout_features=[])
    options.drop_tables += _TABLES
    font = subset.load_font(font_manager.findfont(_WHOLE), options)
    trimming = subset.Subsetter(options)
    trimming.populate(unicodes=[code for part in _KEPT for code in part])
    trimming.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 16):  # the family, by which matplotlib finds a font
            record.string = _NAME
    folder = tempfile.TemporaryDirectory(prefix="dynconv-font-")
    _held.append(folder)  # removed when the process ends
    path = Path(folder.name) / "font.ttf"
    font.save(path)
    font_manager.fontManager.addfont(path)
    return [_NAME, _WHOLE]


_held: list[tempfile.TemporaryDirectory] = []
